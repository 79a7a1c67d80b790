/**
 * Switches off the VMs that still run at the site that is back after a disaster: they run at the
 * other one, and what these would write is refused. A VM that is not known there does not run, if
 * a second look says so too.
 */

import type { VmItem } from '../core/frozen.ts';
import { changeUnlessGone } from './gone.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { runUnlessFree, settleUnlessFree } from './sparing.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { settleVms } from './targets.ts';

export const powerOffReturned = defineVmStep({
  name: 'power-off-returned',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOff'],
  helpers: ['vmStatus'],
  calls: { run: ['powerOff', 'vmStatus'] },

  run: runUnlessFree((call: StepCall<VmItem>) => changeUnlessGone(call, 'powerOff')),
  settle: settleUnlessFree((call: StepCall<VmItem>) => settleVms(call, 'powerOff')),
  undo: 'no-return',
  onFault: patient(),
});
