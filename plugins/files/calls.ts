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
import {
  beginOperation,
  type End,
  ensureMover,
  operationIdOf,
  readOperation,
} from './operations.ts';
import { type Changed, checkIdle } from './roles.ts';

export const { eachTarget, answerEach, valueEach, settleEach } = each({
  atOnce: targetsAtOnce,
  faultOf,
});

/** An operation whose file was never written, because its caller died, is none. */
const dropLostOperation = async ({ at, state, commit }: HeldGroup): Promise<void> => {
  const { operation, ...free } = state;
  if (operation === undefined) return;
  const found = await readOperation(at.storage, operation);
  if (found?.state !== 'running') await commit(free);
};

/** Does the work once per key; the change and the memory of it are one commit. */
export const applyOnce = async (
  held: HeldGroup,
  call: Licence,
  what: string,
  work: (held: HeldGroup) => Promise<Changed>,
): Promise<{ readonly evidence: Evidence }> => {
  const known = recall(held.state, call.key, what);
  if (known !== undefined) return { evidence: known };
  admit(held.state, call);
  await dropLostOperation(held);
  const { next, evidence } = await work(held);
  await held.commit(remember(admit(next, call), { key: call.key, what, evidence }));
  return { evidence };
};

export interface Job {
  readonly verb: 'sync' | 'reverse' | 'resync';
  readonly sender: GroupAt;
  readonly receiver: GroupAt;
  /** Resync: what becomes of the snapshot of what the receiver held. */
  readonly changes?: 'keep' | 'discard';
}

const endOf = ({ storage }: GroupAt): End => ({
  directory: storage.directory,
  arrayId: storage.id,
});

/** Accepts a long job once per key; what has already succeeded is answered at once. */
export const acceptOnce = (
  at: GroupAt,
  call: Licence,
  prepare: (held: HeldGroup) => Promise<Job>,
  verb: Job['verb'],
): Promise<Outcome> =>
  withGroup(at, call, async (held) => {
    const what = `${verb}/${at.id}`;
    const known = recall(held.state, call.key, what);
    if (known !== undefined) return { evidence: known };
    admit(held.state, call);
    await dropLostOperation(held);
    const operation = operationIdOf(call.key, what);
    if (held.state.operation !== operation) {
      checkIdle(held.state);
      const { sender, receiver, changes } = await prepare(held);
      await held.commit({ ...admit(held.state, call), operation });
      const ends = { home: endOf(at), sender: endOf(sender), receiver: endOf(receiver) };
      const job = { verb, key: call.key, what, groupId: at.id, ...ends };
      await beginOperation(at.storage, changes === undefined ? job : { ...job, changes });
    }
    return { operation };
  });

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
    await dropLostOperation(held);
    if (held.state.operation !== operationIdOf(call.key, what)) return { id, verdict: 'absent' };
    await ensureMover(at.storage);
    return { id, verdict: 'running' };
  });
