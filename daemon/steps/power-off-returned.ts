/**
 * Switches off the VMs that still run at the site that is back after a disaster: they run at the
 * other one, and what these would write is refused. A VM that is not known there does not run, if
 * a second look says so too.
 */
import type { Answer, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { runUnlessFree, settleUnlessFree } from './sparing.ts';
import { defineVmStep, type StepCall } from './step.ts';
import { changeVms, settleVms, statusOfVms } from './targets.ts';

const isMissing = (answer: Answer | ValueAnswer<unknown>): boolean =>
  'fault' in answer && answer.fault.kind === 'missing';

const switchOff = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const asked = await changeVms(call, 'powerOff');
  const missing = new Set(asked.filter(isMissing).map(({ id }) => id));
  if (missing.size === 0) return asked;
  const items = call.items.filter(({ id }) => missing.has(id));
  const looked = await statusOfVms({ ...call, items });
  const gone = new Set(
    looked
      .filter((answer) => isMissing(answer) || ('value' in answer && answer.value.power === 'off'))
      .map(({ id }) => id),
  );
  return asked.map((answer) => (gone.has(answer.id) ? { id: answer.id, ok: true } : answer));
};

export const powerOffReturned = defineVmStep({
  name: 'power-off-returned',
  side: 'protected',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['powerOff'],
  helpers: ['vmStatus'],

  run: runUnlessFree(switchOff),
  settle: settleUnlessFree((call: StepCall<VmItem>) => settleVms(call, 'powerOff')),
  undo: 'no-return',
  onFault: patient(),
});
