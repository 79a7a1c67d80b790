/**
 * The journey itself, by QMP: everything that was measured to matter stands here. Both ends agree
 * on a return path (without it a source calls a migration completed whose last bytes were lost),
 * the destination always starts paused and opens its disks late, and the source waits before the
 * switch-over for the word to go. QEMU knows no time-out of its own; this does.
 */

import type { EventQueue, QmpEvent } from './events.ts';
import { failure, QmpLost } from './faults.ts';
import { eventMsMax, migrateBytesMax, stallMsMax, switchMsMax } from './limits.ts';
import { ask, pastEnding } from './machine.ts';
import { socketOf, type VmAt } from './places.ts';
import type { Qmp } from './qmp.ts';

/** Steps of the protocol, in order; each is told when it has been done. */
export const steps = [
  'asked',
  'started',
  'launched',
  'placed',
  'copying',
  'switching',
  'transferred',
  'marked',
  'continued',
  'settled',
] as const;
/** Beside them, where a pair's role goes along: ahead of `transferred`, and of `settled`. */
export const swapSteps = ['demoted', 'promoted', 'turned'] as const;
export type Step = (typeof steps)[number] | (typeof swapSteps)[number];

/** For those who watch a migration, or break it on purpose. */
export interface Watch {
  readonly at?: (step: Step) => Promise<void>;
  /** Where the source sends to, given where the destination listens. */
  readonly route?: (path: string) => Promise<string>;
}

export interface Journey {
  readonly destination: VmAt;
  /** Of the process there. */
  readonly token: string;
  /** Asked now and then: does anybody still want it? */
  readonly wanted: () => Promise<boolean>;
  /** While the guest stands still, flushed: what its disks stand on goes ahead of it. */
  readonly ahead: () => Promise<void>;
  /** All of it is there: throws when what it stands on is not. */
  readonly checkAhead: () => Promise<void>;
  /** Notes durably that all of it is there, before the guest goes on. */
  readonly mark: () => Promise<void>;
  /** Its source can never go on again: it may end while the guest goes on. */
  readonly endSource: () => Promise<unknown>;
  readonly watch: Watch;
  readonly signal: AbortSignal;
}

const capabilities = (...names: string[]) => ({
  capabilities: names.map((capability) => ({ capability, state: true })),
});
const leaving = capabilities('events', 'return-path', 'pause-before-switchover');
const arriving = capabilities('return-path', 'late-block-activate');

/** How often it is looked whether anything moves. */
const sliceMs = 250;

const statusIn = ({ name, data }: QmpEvent): string =>
  name === 'MIGRATION' ? String(data.status) : '';

const over: ReadonlySet<string> = new Set(['failed', 'cancelled', 'completed']);

const nextStatus = async (events: EventQueue, wanted: string): Promise<string | undefined> => {
  try {
    const event = await events.until(
      (one) => statusIn(one) === wanted || over.has(statusIn(one)),
      AbortSignal.timeout(sliceMs),
    );
    return statusIn(event);
  } catch (error) {
    if (error instanceof QmpLost && error.why === 'timeout') return undefined;
    throw error;
  }
};

const cancel = async (qmp: Qmp): Promise<void> => {
  await qmp.must('migrate_cancel').catch((error: unknown) => {
    if (!(error instanceof QmpLost)) throw error;
  });
};

/** Until QEMU says `status`. What stalls, or is not wanted any more, is cancelled. */
const reach = async (
  qmp: Qmp,
  events: EventQueue,
  status: 'pre-switchover' | 'completed',
  { wanted, signal }: Pick<Journey, 'wanted' | 'signal'>,
): Promise<void> => {
  let remaining = -1;
  let movedAt = performance.now();
  const patienceMs = status === 'completed' ? switchMsMax : stallMsMax;
  for (;;) {
    const found = await nextStatus(events, status);
    if (found === status) return;
    if (found !== undefined) throw failure('interrupted', `QEMU says the migration ${found}`);
    const now = await ask(qmp);
    if (now.remaining !== remaining) movedAt = performance.now();
    remaining = now.remaining ?? remaining;
    const early = status === 'pre-switchover';
    if (early && (signal.aborted || !(await wanted()))) {
      await cancel(qmp);
      throw failure('interrupted', 'the migration was given up');
    }
    if (performance.now() - movedAt < patienceMs) continue;
    await cancel(qmp);
    throw failure('interrupted', `nothing of the VM moved for ${patienceMs} ms`, {
      code: 'QEMU_STALLED',
    });
  }
};

/** When an event came, by the machine's clock; 0: it did not. */
const momentOf = (events: EventQueue, wanted: string): Promise<number> =>
  events
    .until(({ name }) => name === wanted, AbortSignal.timeout(eventMsMax))
    .then(
      ({ atMs }) => atMs,
      () => 0,
    );

/** Lets the guest go on; answers when it did, by the machine's clock. */
export const letGoOn = async (qmp: Qmp): Promise<number> => {
  const events = qmp.events();
  try {
    await qmp.must('cont');
    return await momentOf(events, 'RESUME');
  } finally {
    events.close();
  }
};

/** From the order to go to where all of it is at the destination, and the source stands still. */
const transfer = async (from: Qmp, path: string, journey: Journey): Promise<number> => {
  const [events, stops] = [from.events(), from.events()];
  const until = { wanted: async () => true, signal: new AbortController().signal };
  await from.must('migrate', { uri: `unix:${path}` });
  await journey.watch.at?.('copying');
  await reach(from, events, 'pre-switchover', journey);
  await journey.watch.at?.('switching');
  await journey.ahead();
  await from.must('migrate-continue', { state: 'pre-switchover' });
  await reach(from, events, 'completed', until);
  const { status } = await pastEnding(() => ask(from));
  if (status === 'postmigrate') return momentOf(stops, 'STOP');
  throw failure('interrupted', `the source is ${status} after its migration`);
};

/** What a source has to know ahead of a journey; its guest is not touched. */
export const makeReady = async (from: Qmp): Promise<void> => {
  await Promise.all([
    from.must('migrate-set-capabilities', leaving),
    from.must('migrate-set-parameters', { 'max-bandwidth': migrateBytesMax }),
  ]);
};

/**
 * Takes the guest over and lets it go on there, by the monitors of both its ends; the source has
 * been made ready. Answers for how long it stood still, in ms.
 */
export const travel = async (journey: Journey, from: Qmp, to: Qmp): Promise<number> => {
  const { destination, token, watch } = journey;
  await to.must('migrate-set-capabilities', arriving);
  const listens = socketOf(destination, token, 'arrive');
  const stoppedAtMs = await transfer(from, (await watch.route?.(listens)) ?? listens, journey);
  await watch.at?.('transferred');
  // Once it is marked it may have gone on there: not of one that is dead already.
  await Promise.all([ask(to), journey.checkAhead()]);
  await journey.mark();
  await watch.at?.('marked');
  const [resumedAtMs] = await Promise.all([letGoOn(to), journey.endSource()]);
  await watch.at?.('continued');
  return stoppedAtMs === 0 || resumedAtMs === 0 ? 0 : Math.max(1, resumedAtMs - stoppedAtMs);
};
