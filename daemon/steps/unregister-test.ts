/** Removes the test instances from the recovery site's compute, as far as a test came to them. */
import { changeUnlessGone } from './gone.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { settleVms } from './targets.ts';

export const unregisterTest = defineVmStep({
  name: 'unregister-test',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['unregister'],
  helpers: ['vmStatus'],
  calls: { run: ['unregister', 'vmStatus'] },

  run: (call) => changeUnlessGone(call, 'unregister'),
  settle: (call) => settleVms(call, 'unregister'),
  undo: 'no-return',
  onFault: patient(),
});
