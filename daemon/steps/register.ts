/** Makes the VMs known to the recovery site's compute. A VM that fails waits alone. */
import type { Answer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import { stop } from '../core/policy.ts';
import { changeMsMax } from './limits.ts';
import { patient } from './policies.ts';
import { defineVmStep, type UndoCall } from './step.ts';
import { changeVms, settleVms } from './targets.ts';

/** What the recovery site knew before, it goes on knowing. */
const undoRegister = async (call: UndoCall<VmItem>): Promise<readonly Answer[]> => {
  const items = call.items.filter(({ knownThere }) => knownThere !== true);
  const answers = items.length === 0 ? [] : await changeVms({ ...call, items }, 'unregister');
  const answerOf = new Map(answers.map((answer) => [answer.id, answer]));
  return call.items.map(({ id }) => answerOf.get(id) ?? { id, ok: true });
};

export const register = defineVmStep({
  name: 'register',
  paths: ['cold', 'stretched'],
  side: 'recovery',
  remote: 'compute',
  timeoutMs: changeMsMax,
  verbs: ['register'],
  helpers: ['unregister'],
  undoVerbs: ['unregister'],

  run: (call) => changeVms(call, 'register'),
  settle: (call) => settleVms(call, 'register'),
  undo: undoRegister,
  // A VM that is off and stays known there writes nothing: its storage and its power can go back.
  whenLeft: 'alone',
  onFault: patient(stop('item')),
});
