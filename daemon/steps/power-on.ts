/**
 * Starts the VMs, by priority and after those that they depend on. The first writer at the recovery
 * side is the point of no return: from here the way back is a reprotect and a failback.
 */

import type { Answer, Settlement } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { sparingItems } from './sparing.ts';
import { startVms } from './start-vms.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { settleVms } from './targets.ts';

const isLeftOff = ({ leftOff }: VmItem): boolean => leftOff === true;

/** Whoever reads the report learns it, however the step came to its end. */
const evidence = { leftOff: true } as const;

export const powerOn = defineVmStep({
  name: 'power-on',
  paths: ['cold', 'stretched'],
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOn'],
  helpers: ['vmStatus'],
  calls: { run: ['powerOn', 'vmStatus'] },
  gate: 'priority',
  dependencies: true,

  run: sparingItems(isLeftOff, (id): Answer => ({ id, ok: true, evidence }), startVms),
  settle: sparingItems(
    isLeftOff,
    (id): Settlement => ({ id, verdict: 'done', evidence }),
    (call: StepCall<VmItem>) => settleVms(call, 'powerOn'),
  ),
  undo: 'no-return',
  onFault: patient(stop('item')),
});
