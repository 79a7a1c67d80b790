/**
 * Taking away VMs of which nothing is to be left: what was never there is gone already. A remote
 * that says so is asked a second time, by a verb that only looks, before it is believed.
 */
import type { VmStatus } from '../../sdk/plugin/model.ts';
import type { Answer, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import type { VmItem } from '../core/frozen.ts';
import type { StepCall } from './step.ts';
import { changeVms, statusOfVms } from './targets.ts';

/** By the remote's own word: what the daemon cannot find says nothing about a VM. */
const isMissing = (answer: Answer | ValueAnswer<unknown>): boolean =>
  'fault' in answer && answer.fault.kind === 'missing' && answer.fault.owner === 'array';

const isGone = {
  powerOff: ({ power }: VmStatus): boolean => power === 'off',
  unregister: ({ registered, power }: VmStatus): boolean => !registered && power === 'off',
};

export const changeUnlessGone = async (
  call: StepCall<VmItem>,
  verb: keyof typeof isGone,
): Promise<readonly Answer[]> => {
  const asked = await changeVms(call, verb);
  const missing = new Set(asked.filter(isMissing).map(({ id }) => id));
  if (missing.size === 0) return asked;
  const items = call.items.filter(({ id }) => missing.has(id));
  const looked = await statusOfVms({ ...call, items });
  const gone = new Set(
    looked
      .filter((answer) => isMissing(answer) || ('value' in answer && isGone[verb](answer.value)))
      .map(({ id }) => id),
  );
  return asked.map((answer) => (gone.has(answer.id) ? { id: answer.id, ok: true } : answer));
};
