/**
 * What every verb of a group does around its work: one effect per key, whatever the number of
 * calls, and a truthful word about a call in doubt.
 */
import type { Evidence, Settlement } from '@siteswap/sdk/plugin';
import {
  admit,
  admitDurably,
  each,
  type Licence,
  type Outcome,
  recall,
  remember,
} from '@siteswap/sdk/plugin/kit';
import { faultOf } from './faults.ts';
import { type GroupAt, type HeldGroup, withGroup } from './group.ts';
import { targetsAtOnce } from './limits.ts';
import { beginOperation, type LongVerb, operationIdOf, readOperation } from './operations.ts';
import { type Changed, checkIdle } from './roles.ts';

export const { eachTarget, answerEach, valueEach, settleEach } = each({
  atOnce: targetsAtOnce,
  faultOf,
});

/** An operation whose record says that it ended, or was never written, holds up nobody. */
const dropEndedOperation = async ({ at, state, commit }: HeldGroup): Promise<void> => {
  const { operation, ...free } = state;
  if (operation === undefined) return;
  if ((await readOperation(at.storage, operation))?.state !== 'running') await commit(free);
};

/** Does the work once per key; the change and the memory of it are one commit. */
export const applyOnce = async (
  held: HeldGroup,
  call: Licence,
  what: string,
  work: () => Promise<Changed> | Changed,
): Promise<Outcome> => {
  const known = recall(held.state, call.key, what);
  if (known !== undefined) return { evidence: known };
  admit(held.state, call);
  await dropEndedOperation(held);
  const { next, evidence } = await work();
  await held.commit(remember(admit(next, call), { key: call.key, what, evidence }));
  return { evidence };
};

export interface Job {
  readonly verb: LongVerb;
  readonly changes?: 'keep' | 'discard';
}

/** Accepts a long job once per key; what has already succeeded is answered at once. */
export const acceptOnce = async (
  held: HeldGroup,
  call: Licence,
  { verb, changes }: Job,
  check: () => Promise<void>,
): Promise<Outcome> => {
  const { at } = held;
  const what = `${verb}/${at.id}`;
  const known = recall(held.state, call.key, what);
  if (known !== undefined) return { evidence: known };
  admit(held.state, call);
  await dropEndedOperation(held);
  const operation = operationIdOf(call.key, what);
  if (held.state.operation !== operation) {
    checkIdle(held.state);
    await check();
    await held.commit({ ...admit(held.state, call), operation });
    const job = { verb, key: call.key, what, groupId: at.id };
    await beginOperation(at.storage, changes === undefined ? job : { ...job, changes });
  }
  return { operation };
};

/**
 * What became of a call. It takes the lock that the call's change needs, and notes the epoch of
 * whoever asks: no change lands past its deadline or under an older licence, so what is not there
 * now will not come.
 */
export const settleGroup = (
  at: GroupAt,
  call: Licence,
  id: string,
  what: string,
  effect: (held: HeldGroup) => Evidence | undefined = () => undefined,
): Promise<Settlement> =>
  withGroup(at, call, async (held) => {
    await admitDurably(held, call);
    const evidence = recall(held.state, call.key, what) ?? effect(held);
    if (evidence !== undefined) return { id, verdict: 'done', evidence };
    await dropEndedOperation(held);
    const isOpen = held.state.operation === operationIdOf(call.key, what);
    return { id, verdict: isOpen ? 'running' : 'absent' };
  });
