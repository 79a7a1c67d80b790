/** Makes the VMs known to the recovery site's compute. A VM that fails waits alone. */
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { changeVms, settleVms } from './targets.ts';

export const register = defineVmStep({
  name: 'register',
  paths: ['cold', 'stretched'],
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['register'],
  helpers: ['unregister'],

  run: (call) => changeVms(call, 'register'),
  settle: (call) => settleVms(call, 'register'),
  undo: (call) => changeVms(call, 'unregister'),
  onFault: patient(stop('item')),
});
