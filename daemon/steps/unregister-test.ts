/** Removes the test instances from the recovery site's compute. */
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { changeVms, settleVms } from './targets.ts';

export const unregisterTest = defineVmStep({
  name: 'unregister-test',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['unregister'],

  run: (call) => changeVms(call, 'unregister'),
  settle: (call) => settleVms(call, 'unregister'),
  undo: 'no-return',
  onFault: patient(),
});
