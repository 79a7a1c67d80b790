/**
 * What every verb does around its work: one answer per target whatever happens to the others, and a
 * truthful word about a call in doubt.
 */
import type { Fault } from '../fault.ts';
import type { Answer, Evidence, Settlement, ValueAnswer } from '../verbs.ts';

type Named = { readonly id: string };

/** What a changing verb came to: evidence, or an operation that goes on. */
export type Outcome = { readonly evidence: Evidence } | { readonly operation: string };

/** How a plugin works on the targets of one call. */
export interface EachOptions {
  /** Targets worked on at once. */
  readonly atOnce: number;
  /** The fault of anything that the plugin throws; undefined: it does not know the error. */
  readonly faultOf: (error: unknown) => Fault | undefined;
}

const unknown = (error: unknown): Fault => ({
  kind: 'unknown',
  owner: 'plugin',
  message: error instanceof Error && error.message !== '' ? error.message : String(error),
});

/** Works on each target, so many at once; what is thrown for one is that one's. */
const inLanes = async <T extends Named, A>(
  lanes: number,
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
  await Promise.all(Array.from({ length: lanes }, lane));
  return answers;
};

/** Makes the functions that turn work on one target into a verb's answers. */
export const each = ({ atOnce, faultOf }: EachOptions) => {
  const of = (error: unknown): Fault => faultOf(error) ?? unknown(error);

  /** Answers of any form; what is thrown for a target is given to `failed`. */
  const eachTarget = <T extends Named, A>(
    targets: readonly T[],
    work: (target: T) => Promise<A>,
    failed: (target: T, error: unknown) => A,
  ): Promise<readonly A[]> => inLanes(atOnce, targets, work, failed);

  return {
    eachTarget,

    /** Answers of a changing verb. */
    answerEach: <T extends Named>(
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
        ({ id }, error) => ({ id, fault: of(error) }),
      ),

    /** Answers of a verb that looks. */
    valueEach: <T extends Named, V>(
      targets: readonly T[],
      look: (target: T) => Promise<V>,
    ): Promise<readonly ValueAnswer<V>[]> =>
      eachTarget<T, ValueAnswer<V>>(
        targets,
        async (target) => ({ id: target.id, value: await look(target) }),
        ({ id }, error) => ({ id, fault: of(error) }),
      ),

    /** Verdicts: what is missing has no effect, and a remote that does not answer cannot say. */
    settleEach: <T extends Named>(
      targets: readonly T[],
      ask: (target: T) => Promise<Settlement>,
    ): Promise<readonly Settlement[]> =>
      eachTarget<T, Settlement>(targets, ask, ({ id }, error) =>
        faultOf(error)?.kind === 'missing'
          ? { id, verdict: 'absent' }
          : { id, verdict: 'unknowable', why: of(error).message },
      ),
  };
};
