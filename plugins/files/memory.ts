/**
 * What a group or a compute remembers of calls: successes by idempotency key, never failures, and
 * the newest epoch of each run. It is part of their state, so a change and the memory of it become
 * durable in the same instant.
 */
import type { CallContext, Evidence } from '@siteswap/sdk/plugin';
import { failure } from './faults.ts';
import { epochsMax, rememberedMax } from './limits.ts';

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

export const recall = (memory: Memory, key: string, what: string): Evidence | undefined =>
  memory.remembered.find((one) => one.key === key && one.what === what)?.evidence;

export const remember = <M extends Memory>(memory: M, success: Remembered): M => ({
  ...memory,
  remembered: [...memory.remembered, success].slice(-rememberedMax),
});

const initiatorOf = (key: string): string => key.split('/', 1)[0] as string;

/** Refuses a call of a member that has lost the run, and notes the epoch of one that has it. */
export const admit = <M extends Memory>(memory: M, { key, epoch }: Licence): M => {
  const initiator = initiatorOf(key);
  const { [initiator]: known, ...others } = memory.epochs;
  if (known !== undefined && epoch < known) {
    throw failure('fenced', `epoch ${epoch} of ${initiator} is older than ${known}`, {
      hint: 'Another member drives this run now.',
    });
  }
  if (known === epoch) return memory;
  const epochs = Object.entries({ ...others, [initiator]: epoch }).slice(-epochsMax);
  return { ...memory, epochs: Object.fromEntries(epochs) };
};

/**
 * Called right before a change is made durable, under the lock: nothing lands after its deadline,
 * so `settle`, which takes the same lock later, can say `absent` and be believed.
 */
export const checkDeadline = ({ signal, deadlineMs }: Licence): void => {
  if (signal.aborted || Date.now() > deadlineMs) {
    throw failure('interrupted', 'the call was past its deadline; nothing was done');
  }
};

/** The same caller, for what must be noted because its effect is there, however late it is. */
export const unbound = ({ key, epoch }: Pick<Licence, 'key' | 'epoch'>): Licence => ({
  key,
  epoch,
  signal: new AbortController().signal,
  deadlineMs: Number.POSITIVE_INFINITY,
});
