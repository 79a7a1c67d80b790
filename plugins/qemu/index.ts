/**
 * A real array and a real hypervisor without hardware: a pair of `qemu-storage-daemon` processes
 * replicates block devices, QEMU runs guests on them. Arrays and VMs are driven by QMP.
 */
import { definePlugin } from '@siteswap/sdk/plugin';
import { eachTarget } from './calls.ts';
import { computeVerbs } from './compute-verbs.ts';
import { configSchema } from './config.ts';
import { faultOf, faultOrUnknown } from './faults.ts';
import { operationStatus } from './operations.ts';
import { openSession, type Session, storageOf } from './session.ts';
import { arrayVerbs } from './storage-verbs.ts';

export default definePlugin<typeof configSchema, Session>({
  name: 'qemu',
  version: '0.1.0',
  contract: 1,
  config: configSchema,
  instance: 'single',
  properties: {
    fences: true,
    atomicGroups: true,
    updateModes: ['synchronous', 'asynchronous'],
    keepsRecoveryPoints: true,
    stretched: true,
  },
  open: openSession,
  faultOf,
  operationStatus: async ({ session, signal, targets }) => {
    const storage = await storageOf(session);
    return eachTarget(
      targets,
      (poll) => operationStatus(session, storage, poll, signal),
      ({ id }, error) => ({ id, state: 'failed', fault: faultOrUnknown(error) }),
    );
  },
  verbs: { ...arrayVerbs, ...computeVerbs },
});
