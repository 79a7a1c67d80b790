/**
 * What every verb does around its work: one answer per target whatever happens to the others, one
 * effect per key whatever the number of calls, and a truthful word about a call in doubt.
 */
import type { Answer, Evidence, Settlement, ValueAnswer } from '@siteswap/sdk/plugin';
import { faultOf, faultOrUnknown } from './faults.ts';
import { type GroupAt, type HeldGroup, withGroup } from './group.ts';
import { targetsAtOnce } from './limits.ts';
import { admit, type Licence, recall, remember } from './memory.ts';
import {
  beginOperation,
  type End,
  ensureMover,
  operationIdOf,
  readOperation,
} from './operations.ts';
import { type Changed, checkIdle } from './roles.ts';

/** Works on each target, several at once; what is thrown for one is that one's fault. */
export const eachTarget = async <T extends { readonly id: string }, A>(
  targets: readonly T[],
  work: (target: T) => Promise<A>,
  failed: (target: T, error: unknown) => A,
): Promise<readonly A[]> => {
  const answers: A[] = [];
  const waiting = targets.entries();
  const lane = async (): Promise<void> => {
    for (const [position, target] of waiting) {
      answers[position] = await work(target).catch((error: unknown) => failed(target, error));
    }
  };
  await Promise.all(Array.from({ length: targetsAtOnce }, lane));
  return answers;
};

/** Answers of a changing verb. */
export const answerEach = <T extends { readonly id: string }>(
  targets: readonly T[],
  work: (target: T) => Promise<Evidence | { readonly operation: string }>,
): Promise<readonly Answer[]> =>
  eachTarget<T, Answer>(
    targets,
    async (target) => {
      const result = await work(target);
      return 'operation' in result && Object.keys(result).length === 1
        ? { id: target.id, accepted: { operation: String(result.operation) } }
        : { id: target.id, ok: true, evidence: result as Evidence };
    },
    (target, error) => ({ id: target.id, fault: faultOrUnknown(error) }),
  );

/** Answers of a verb that looks. */
export const valueEach = <T extends { readonly id: string }, V>(
  targets: readonly T[],
  look: (target: T) => Promise<V>,
): Promise<readonly ValueAnswer<V>[]> =>
  eachTarget<T, ValueAnswer<V>>(
    targets,
    async (target) => ({ id: target.id, value: await look(target) }),
    (target, error) => ({ id: target.id, fault: faultOrUnknown(error) }),
  );

/** Verdicts; a remote that does not answer cannot say. */
export const settleEach = <T extends { readonly id: string }>(
  targets: readonly T[],
  ask: (target: T) => Promise<Settlement>,
): Promise<readonly Settlement[]> =>
  eachTarget<T, Settlement>(targets, ask, (target, error) => {
    const fault = faultOf(error);
    if (fault?.kind === 'missing') return { id: target.id, verdict: 'absent' };
    return { id: target.id, verdict: 'unknowable', why: faultOrUnknown(error).message };
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
): Promise<Evidence> => {
  const known = recall(held.state, call.key, what);
  if (known !== undefined) return known;
  admit(held.state, call);
  await dropLostOperation(held);
  const { next, evidence } = await work(held);
  await held.commit(remember(admit(next, call), { key: call.key, what, evidence }));
  return evidence;
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
): Promise<Evidence | { readonly operation: string }> =>
  withGroup(at, call, async (held) => {
    const what = `${verb}/${at.id}`;
    const known = recall(held.state, call.key, what);
    if (known !== undefined) return known;
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
    const admitted = admit(held.state, call);
    if (admitted !== held.state) await held.commit(admitted);
    const evidence = recall(held.state, call.key, what) ?? effect(held);
    if (evidence !== undefined) return { id, verdict: 'done', evidence };
    await dropLostOperation(held);
    if (held.state.operation !== operationIdOf(call.key, what)) return { id, verdict: 'absent' };
    await ensureMover(at.storage);
    return { id, verdict: 'running' };
  });
