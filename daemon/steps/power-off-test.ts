/**
 * Switches off the test instances: nothing in them is kept, so nobody asks the guests. What a test
 * that stopped early never registered is off already.
 */
import { changeUnlessGone } from './gone.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep } from './step.ts';
import { settleVms } from './targets.ts';

export const powerOffTest = defineVmStep({
  name: 'power-off-test',
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOff'],
  helpers: ['vmStatus'],
  calls: { run: ['powerOff', 'vmStatus'] },

  run: (call) => changeUnlessGone(call, 'powerOff'),
  settle: (call) => settleVms(call, 'powerOff'),
  // A cleanup only goes forward: what is left over is taken away by the next one.
  undo: 'no-return',
  onFault: patient(),
});
