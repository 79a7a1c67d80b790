/** How a call reaches the toy, is answered once for each key, and what can be broken about that. */
import { type Answer, FaultError, type FaultKind, fault } from '@siteswap/sdk/plugin';
import type { Side, ToySide, ToyStore } from './store.ts';

export const defects = [
  'second-effect',
  'one-fails-all',
  'drops-an-answer',
  'says-ok-does-nothing',
  'ignores-abort',
  'wrong-kind',
  'promotes-anyway',
  'demotes-anyway',
  'half-a-group',
  'takes-old-epochs',
  'forgets-who-asked',
  'takes-old-writers',
  'keeps-no-points',
  'operations-in-session',
  'endless-pages',
  'loses-on-pages',
  'vouches-for-ever',
  'wrong-peer',
  'leaks-secret',
  'vague-config',
  'settles-wrongly',
  'powers-on-unregistered',
  'unmounts-under-vm',
  'unreachable-is-unknown',
  'loses-heartbeats',
  'test-stops-production',
  'leaves-test-copy',
  'undeclared-mode',
  'one-sided-identity',
  'new-host-identities',
  'one-host-identity',
  'forgets-the-other-side',
  'prefers-anywhere',
  'serves-while-parted',
  'fences-in-old-lineage',
  'asks-the-fenced',
  'starts-fenced-vms',
  'lets-old-back',
  'stops-to-resync',
  'reboots-on-the-way',
  'runs-twice',
  'migrates-plain',
  'cancels-too-late',
  'marks-another',
  'hides-a-promotion',
  'shares-with-a-peer',
  'serves-the-preferred-alone',
] as const;
export type Defect = (typeof defects)[number];

export interface ToySession {
  readonly store: ToyStore;
  readonly side: Side;
  readonly here: ToySide;
  readonly there: ToySide;
  readonly token: string;
  readonly operations: Map<string, number>;
}

export type Has = (defect: Defect) => boolean;

/** Stops the call of one target. */
export const fail = (kind: FaultKind, message: string): never => {
  throw new FaultError(fault(kind, message));
};

type Evidence = Readonly<Record<string, string | number>>;
type Work<T> = (target: T) => Evidence | { operation: string } | undefined;

interface Call<T> {
  readonly session: ToySession;
  readonly targets: readonly T[];
  readonly key: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
}

const pause = async (ms: number, signal: AbortSignal, has: Has): Promise<void> => {
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const waited = new Promise<void>((resolve) => {
    setTimeout(resolve, ms).unref();
  });
  await (has('ignores-abort') ? waited : Promise.race([waited, aborted]));
};

/** Where every call arrives: out of reach, slow, cut short. */
export const arrive = async (session: ToySession, signal: AbortSignal, has: Has): Promise<void> => {
  if (session.here.cut) {
    const leak = has('leaks-secret') ? ` with ${session.token}` : '';
    if (has('unreachable-is-unknown')) throw new Error('socket hang up');
    fail('unreachable', `${session.side} does not answer${leak}`);
  }
  if (session.here.delayMs > 0) await pause(session.here.delayMs, signal, has);
  if (signal.aborted) fail('timeout', 'cut short before anything was done');
};

const checkEpoch = (call: Call<unknown>, id: string, has: Has): void => {
  const name = `${call.key.split('/')[0]}/${id}`;
  const known = call.session.here.epochs.get(name) ?? 0;
  if (call.epoch < known && !has('takes-old-epochs')) fail('fenced', `epoch ${known} is newer`);
  call.session.here.epochs.set(name, Math.max(known, call.epoch));
};

/** One answer per target; what was done under the key is not done again. */
export const changing =
  <T extends { readonly id: string }>(has: Has, work: (call: Call<T>) => Work<T>) =>
  async (call: Call<T>): Promise<Answer[]> => {
    await arrive(call.session, call.signal, has);
    const doOne = (target: T): Answer => {
      const { id } = target;
      const name = `${call.key} ${id}`;
      const known = has('second-effect') ? undefined : call.session.here.done.get(name);
      if (known) return answerOf(id, known);
      try {
        checkEpoch(call, id, has);
        const evidence = work(call)(target) ?? {};
        call.session.here.done.set(name, evidence);
        return answerOf(id, evidence);
      } catch (error) {
        if (has('one-fails-all') || !(error instanceof FaultError)) throw error;
        return { id, fault: error.fault };
      }
    };
    const answers = call.targets.map(doOne).reverse();
    return has('drops-an-answer') ? answers.slice(1) : answers;
  };

const answerOf = (id: string, evidence: Evidence | { operation: string }): Answer =>
  'operation' in evidence
    ? { id, accepted: { operation: String(evidence.operation) } }
    : { id, ok: true, evidence };

/** A changing verb that may be repeated, and settled by what is remembered under the key. */
export const verb = <T extends { readonly id: string }>(
  has: Has,
  work: (call: Call<T>) => Work<T>,
) => ({
  run: changing(has, work),
  repeatable: true as const,
  settle: (call: Call<T>) =>
    call.targets.map(({ id }) => {
      const { session, key } = call;
      if (!has('forgets-who-asked')) checkEpoch(call, id, has);
      const known = session.here.done.has(`${key} ${id}`) || has('settles-wrongly');
      return { id, verdict: known ? ('done' as const) : ('absent' as const) };
    }),
});

export const missing = (has: Has): never => {
  throw new FaultError(fault(has('wrong-kind') ? 'refused' : 'missing', 'not known here'));
};
