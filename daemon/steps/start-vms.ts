/**
 * Starting VMs that may be on already: an earlier run, superseded after it had started them, leaves
 * them so. A remote may refuse that as a conflict; what counts is whether the VM runs.
 */
import type { Answer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import type { StepCall } from './step.ts';
import { changeVms, statusOfVms } from './targets.ts';

/** Powers on; a conflict about a VM that is registered and on is success (`alreadyOn`). */
export const startVms = async (call: StepCall<VmItem>): Promise<readonly Answer[]> => {
  const answers = await changeVms(call, 'powerOn');
  const odd = new Set(
    answers.flatMap((answer) =>
      'fault' in answer && answer.fault.kind === 'conflict' ? [answer.id] : [],
    ),
  );
  if (odd.size === 0) return answers;
  const items = call.items.filter(({ id }) => odd.has(id));
  const running = new Set<string>();
  for (const answer of await statusOfVms({ ...call, items })) {
    if (!('value' in answer)) continue;
    if (answer.value.registered && answer.value.power === 'on') running.add(answer.id);
  }
  return answers.map((answer) =>
    running.has(answer.id) ? { id: answer.id, ok: true, evidence: { alreadyOn: true } } : answer,
  );
};
