/**
 * What a remote remembers of calls: successes by idempotency key, never failures, and the newest
 * epoch of each run. Kept inside the state that calls change, so that a change and the memory of it
 * become durable in the same instant.
 */

import { FaultError, fault } from '../fault.ts';
import type { CallContext, Evidence } from '../verbs.ts';

/** Successes remembered in one state: far more than calls of open runs. */
export const rememberedMax = 256;

/** Runs whose epoch is remembered in one state. */
export const epochsMax = 64;

export interface Remembered {
  readonly key: string;
  /** Verb and target: one key is used for all targets of a call. */
  readonly what: string;
  readonly evidence: Evidence;
}

export interface Memory {
  /** Oldest first. */
  readonly remembered: readonly Remembered[];
  /** Initiator id → highest epoch seen; oldest first. */
  readonly epochs: Readonly<Record<string, number>>;
}

export const emptyMemory: Memory = { remembered: [], epochs: {} };

/** What a change needs of a call: who asks, under which licence, and until when it may land. */
export type Licence = Pick<CallContext, 'key' | 'epoch' | 'signal' | 'deadlineMs'>;

/** The evidence of a success under this key; undefined: there was none, or it was long ago. */
export const recall = (memory: Memory, key: string, what: string): Evidence | undefined =>
  memory.remembered.find((one) => one.key === key && one.what === what)?.evidence;

export const remember = <M extends Memory>(memory: M, success: Remembered): M => ({
  ...memory,
  remembered: [...memory.remembered, success].slice(-rememberedMax),
});

/**
 * Refuses a call of a member that has lost the run (`fenced`), and notes the epoch of one that has
 * it: the same memory when there is nothing new to note.
 */
export const admit = <M extends Memory>(
  memory: M,
  { key, epoch }: Pick<Licence, 'key' | 'epoch'>,
): M => {
  const initiator = key.split('/', 1)[0] as string;
  const { [initiator]: known, ...others } = memory.epochs;
  if (known !== undefined && epoch < known) {
    throw new FaultError(
      fault('fenced', `epoch ${epoch} of ${initiator} is older than ${known}`, {
        hint: 'Another member drives this run now.',
      }),
    );
  }
  if (known === epoch) return memory;
  const epochs = Object.entries({ ...others, [initiator]: epoch }).slice(-epochsMax);
  return { ...memory, epochs: Object.fromEntries(epochs) };
};

/** Of a state that is held under its lock: a commit replaces it whole. */
interface Held<M> {
  readonly state: M;
  readonly commit: (next: M) => Promise<void>;
}

/**
 * As `admit`, durably: nothing of an older epoch lands from here on. For whoever only asks what
 * became of a call, and builds upon the answer.
 */
export const admitDurably = async <M extends Memory>(
  { state, commit }: Held<M>,
  call: Pick<Licence, 'key' | 'epoch'>,
): Promise<M> => {
  const admitted = admit(state, call);
  if (admitted !== state) await commit(admitted);
  return admitted;
};

/**
 * Asked right before a change is made durable, under the lock that `settle` takes too: nothing
 * lands past its deadline, so a settlement after it can say `absent` and be believed. Throws
 * `interrupted`.
 */
export const checkDeadline = ({ signal, deadlineMs }: Licence): void => {
  if (!signal.aborted && Date.now() <= deadlineMs) return;
  throw new FaultError(fault('interrupted', 'the call was past its deadline; nothing was done'));
};

/** The same caller, for what must be noted because its effect is there, however late it is. */
export const unbound = ({ key, epoch }: Pick<Licence, 'key' | 'epoch'>): Licence => ({
  key,
  epoch,
  signal: new AbortController().signal,
  deadlineMs: Number.POSITIVE_INFINITY,
});

/** Work that no caller waits for: steps of an operation, and what is found undone. */
export const ownLicence = (): Licence => unbound({ key: '', epoch: 0 });
