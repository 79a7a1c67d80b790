/**
 * What a group remembers of calls: successes by idempotency key, never failures, and the newest
 * epoch of each run. It is part of the group's state: a change and the memory of it become durable
 * in one instant.
 */
import type { CallContext, Evidence } from '@siteswap/sdk/plugin';
import { failure } from './faults.ts';
import { epochsMax, rememberedMax } from './limits.ts';

export interface Memory {
  /** Oldest first; `what` is the verb and its target: one key is used for all targets of a call. */
  readonly remembered: readonly {
    readonly key: string;
    readonly what: string;
    readonly evidence: Evidence;
  }[];
  /** Initiator id → highest epoch seen; oldest first. */
  readonly epochs: Readonly<Record<string, number>>;
}

export const emptyMemory: Memory = { remembered: [], epochs: {} };

/** What a change needs of a call: who asks, under which licence, and until when it may land. */
export type Licence = Pick<CallContext, 'key' | 'epoch' | 'signal' | 'deadlineMs'>;

export const recall = (memory: Memory, key: string, what: string): Evidence | undefined =>
  memory.remembered.find((one) => one.key === key && one.what === what)?.evidence;

export const remember = <M extends Memory>(
  memory: M,
  success: Memory['remembered'][number],
): M => ({ ...memory, remembered: [...memory.remembered, success].slice(-rememberedMax) });

/** Refuses a call of a member that has lost the run, and notes the epoch of one that has it. */
export const admit = <M extends Memory>(memory: M, { key, epoch }: Licence): M => {
  const initiator = key.split('/', 1)[0] as string;
  const { [initiator]: known, ...others } = memory.epochs;
  if (known !== undefined && epoch < known) {
    throw failure('fenced', `epoch ${epoch} of ${initiator} is older than ${known}`, {
      hint: 'Another member drives this run now.',
    });
  }
  const epochs = Object.entries({ ...others, [initiator]: epoch }).slice(-epochsMax);
  return { ...memory, epochs: Object.fromEntries(epochs) };
};

/** Work that is bound to no caller's deadline: steps of an operation, and what a test does. */
export const ownLicence = (): Licence => ({
  key: '',
  epoch: 0,
  signal: new AbortController().signal,
  deadlineMs: Number.POSITIVE_INFINITY,
});

/**
 * Asked right before a change is made durable, under the lock: nothing lands past its deadline, so
 * `settle`, which takes the same lock later, can say `absent` and be believed.
 */
export const checkDeadline = ({ signal, deadlineMs }: Licence): void => {
  if (signal.aborted || Date.now() > deadlineMs) {
    throw failure('interrupted', 'the call was past its deadline; nothing was done');
  }
};
