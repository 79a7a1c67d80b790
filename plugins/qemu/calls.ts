/**
 * What every verb does around its work: one answer per target whatever happens to the others, one
 * effect per key whatever the number of calls, and a truthful word about a call in doubt.
 */
import type { Answer, Evidence, Settlement, ValueAnswer } from '@siteswap/sdk/plugin';
import { faultOf, faultOrUnknown } from './faults.ts';
import { type GroupAt, type HeldGroup, withGroup } from './group.ts';
import { targetsAtOnce } from './limits.ts';
import { admit, type Licence, recall, remember } from './memory.ts';
import { beginOperation, type LongVerb, operationIdOf, readOperation } from './operations.ts';
import { type Changed, checkIdle } from './roles.ts';

interface Named {
  readonly id: string;
}

/** Works on each target, several at once; what is thrown for one is that one's fault. */
export const eachTarget = async <T extends Named, A>(
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

/** What a changing verb came to: evidence, or an operation that goes on. */
export type Outcome = { readonly evidence: Evidence } | { readonly operation: string };

/** Answers of a changing verb. */
export const answerEach = <T extends Named>(
  targets: readonly T[],
  work: (target: T) => Promise<Outcome>,
): Promise<readonly Answer[]> =>
  eachTarget<T, Answer>(
    targets,
    async (target) => {
      const outcome = await work(target);
      return 'operation' in outcome
        ? { id: target.id, accepted: { operation: outcome.operation } }
        : { id: target.id, ok: true, evidence: outcome.evidence };
    },
    (target, error) => ({ id: target.id, fault: faultOrUnknown(error) }),
  );

/** Answers of a verb that looks. */
export const valueEach = <T extends Named, V>(
  targets: readonly T[],
  look: (target: T) => Promise<V>,
): Promise<readonly ValueAnswer<V>[]> =>
  eachTarget<T, ValueAnswer<V>>(
    targets,
    async (target) => ({ id: target.id, value: await look(target) }),
    (target, error) => ({ id: target.id, fault: faultOrUnknown(error) }),
  );

/** Verdicts; a remote that does not answer cannot say. */
export const settleEach = <T extends Named>(
  targets: readonly T[],
  settle: (target: T) => Promise<Settlement>,
): Promise<readonly Settlement[]> =>
  eachTarget<T, Settlement>(targets, settle, ({ id }, error) =>
    faultOf(error)?.kind === 'missing'
      ? { id, verdict: 'absent' }
      : { id, verdict: 'unknowable', why: faultOrUnknown(error).message },
  );

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
 * What became of a call. It takes the lock that the call's change needs, and no change lands past
 * its deadline: what is not there now will not come.
 */
export const settleGroup = (
  at: GroupAt,
  call: Licence,
  id: string,
  what: string,
  effect: (held: HeldGroup) => Evidence | undefined = () => undefined,
): Promise<Settlement> =>
  withGroup(at, call, async (held) => {
    const evidence = recall(held.state, call.key, what) ?? effect(held);
    if (evidence !== undefined) return { id, verdict: 'done', evidence };
    await dropEndedOperation(held);
    const isOpen = held.state.operation === operationIdOf(call.key, what);
    return { id, verdict: isOpen ? 'running' : 'absent' };
  });
