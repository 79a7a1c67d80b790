/** What disaster runs have left behind: core → contract. */
import { DivergedChoice as DivergedMessage } from '../../proto/gen/siteswap/v1/run.ts';
import type {
  Recovery as RecoveryMessage,
  Writer as WriterMessage,
} from '../../proto/gen/siteswap/v1/site.ts';
import type { DivergedChoice } from '../core/recovery.ts';
import type { Writer } from '../planner/writers.ts';
import type { Recovery } from '../runner/service.ts';
import type { Problems } from './check.ts';
import { momentTo } from './translate-inventory.ts';
import { divergedChoices, recoveryStates } from './vocabulary.ts';

/** What becomes of diverged data, where the caller says so. */
export const divergedFrom = (
  { diverged }: { readonly diverged: DivergedMessage },
  problems: Problems,
): DivergedChoice | undefined => {
  if (diverged === DivergedMessage.UNRECOGNIZED) problems.add('diverged', 'is unknown');
  return divergedChoices.decode(diverged);
};

const writerTo = ({ siteId, devices, vmIds, observedAtMs }: Writer): WriterMessage => ({
  siteId,
  devices: devices.map((device) => ({ ...device, divergedBytes: device.divergedBytes })),
  vmIds: [...vmIds],
  observedTime: momentTo(observedAtMs),
});

export const recoveryTo = (recovery: Recovery): RecoveryMessage => ({
  planId: recovery.planId,
  runId: recovery.runId,
  state: recoveryStates.encode(recovery.state),
  since: momentTo(recovery.sinceMs),
  returnedTime: momentTo(recovery.returnedAtMs),
  fencedTime: momentTo(recovery.fencedAtMs),
  oldWriter: writerTo(recovery.oldWriter),
  newWriter: writerTo(recovery.newWriter),
  nextActions: [...recovery.nextActions],
});
