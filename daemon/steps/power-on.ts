/**
 * Starts the VMs, by priority and after those that they depend on. The first writer at the recovery
 * side is the point of no return: from here the way back is a reprotect and a failback.
 */
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { startVms } from './start-vms.ts';
import { defineVmStep } from './step.ts';
import { settleVms } from './targets.ts';

export const powerOn = defineVmStep({
  name: 'power-on',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOn'],
  helpers: ['vmStatus'],
  gate: 'priority',
  dependencies: true,

  run: startVms,
  settle: (call) => settleVms(call, 'powerOn'),
  undo: 'no-return',
  onFault: patient(stop('item')),
});
