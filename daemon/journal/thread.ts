/**
 * The journal's thread: owns the file, so that a sync to disk never stops the main loop. Whatever
 * arrived while the last sync ran is the next group: one transaction, one sync, one answer.
 *
 * A group that cannot be written is kept, in order, and tried again for ever with growing delay: the
 * journal is *held*. Nothing is acknowledged meanwhile, and nothing that was acknowledged is lost.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Call, FromThread, Question, ThreadOptions, ToThread } from './messages.ts';
import { codeOf, refusalOf } from './refusal.ts';
import { SqliteStore } from './store.ts';

/** Entries in one transaction: bounds the wait of the first for the last (some 20 ms). */
const groupEntriesMax = 10_000;

/** First and largest delay between two tries while held. */
const retryDelayMsMin = 10;
const retryDelayMsMax = 1_000;

const port = parentPort as NonNullable<typeof parentPort>;
const options = workerData as ThreadOptions;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

const say = (message: FromThread): void => port.postMessage(message);
const sleep = (ms: number): void => {
  Atomics.wait(sleeper, 0, 0, ms);
};

const open = (): SqliteStore | undefined => {
  try {
    const store = new SqliteStore(options.path);
    say({ kind: 'opened' });
    return store;
  } catch (error) {
    const { refusal, message } = refusalOf(error, options.path);
    say({ kind: 'refused', refusal, message });
    return undefined;
  }
};

const entriesOf = (call: Call): number => call.reduce((sum, { bodies }) => sum + bodies.length, 0);

const serve = (store: SqliteStore): void => {
  const waiting: Call[] = [];
  let entriesLanded = 0;
  let pagesMax = 0;
  let retry: { readonly timer: NodeJS.Timeout; readonly delayMs: number } | undefined;

  /** The oldest calls, up to the bound; never past the entry after which a test wants a crash. */
  const nextGroup = (): { readonly calls: Call[]; readonly entries: number } => {
    const crashAt = options.exitAfterEntries - entriesLanded;
    const entriesMax = crashAt > 0 ? Math.min(crashAt, groupEntriesMax) : groupEntriesMax;
    const calls: Call[] = [];
    let entries = 0;
    while (entries < entriesMax && calls.length < waiting.length) {
      const call = waiting[calls.length] as Call;
      entries += entriesOf(call);
      calls.push(call);
    }
    return { calls, entries };
  };

  const crashIfDue = (): void => {
    if (options.exitAfterEntries === 0 || entriesLanded < options.exitAfterEntries) return;
    process.kill(process.pid, 'SIGKILL');
    sleep(Number.POSITIVE_INFINITY);
  };

  const obeyTestLimits = (): void => {
    const wanted = options.pagesMax === undefined ? 0 : Atomics.load(options.pagesMax, 0);
    if (wanted !== pagesMax) store.limitPages(wanted);
    pagesMax = wanted;
    if (options.syncDelayMs > 0) sleep(options.syncDelayMs);
  };

  const landGroup = (): void => {
    const { calls, entries } = nextGroup();
    obeyTestLimits();
    const conflicts = store.land(calls);
    waiting.splice(0, calls.length);
    entriesLanded +=
      entries - conflicts.reduce((n, { call }) => n + entriesOf(calls[call] ?? []), 0);
    crashIfDue();
    say({ kind: 'landed', calls: calls.length, conflicts });
  };

  const hold = (error: unknown): void => {
    const delayMs = Math.min((retry?.delayMs ?? retryDelayMsMin / 2) * 2, retryDelayMsMax);
    retry = { timer: setTimeout(land, delayMs), delayMs };
    say({ kind: 'held', reason: heldReason(error) });
  };

  const land = (): void => {
    try {
      while (waiting.length > 0) landGroup();
      clearTimeout(retry?.timer);
      retry = undefined;
    } catch (error) {
      hold(error);
    }
  };

  /** One last try, then the thread ends by itself: nothing keeps it alive any more. */
  const close = (): void => {
    clearTimeout(retry?.timer);
    land();
    clearTimeout(retry?.timer);
    store.close();
    port.close();
  };

  port.on('message', (first: ToThread) => {
    const questions: Question[] = [];
    let closing = false;
    for (let message: ToThread | undefined = first; message; message = nextMessage()) {
      if (message.kind === 'append') for (const call of message.calls) waiting.push(call);
      else if (message.kind === 'close') closing = true;
      else questions.push(message);
    }
    if (retry === undefined) land();
    for (const question of questions) answer(store, question);
    if (closing) close();
  });
};

const nextMessage = (): ToThread | undefined => receiveMessageOnPort(port)?.message;

const heldReason = (error: unknown): string => {
  const code = codeOf(error);
  const what = error instanceof Error ? error.message : String(error);
  const wayOut =
    code === 'SQLITE_FULL'
      ? 'make room; it goes on by itself'
      : 'mend its cause; it goes on by itself';
  return `The journal ${options.path} takes no entry (${code}: ${what}): ${wayOut}.`;
};

const answer = (store: SqliteStore, question: Question): void => {
  const { id } = question;
  try {
    if (question.kind === 'read') {
      const bodies = store.read(question.stream, question.fromSeq, question.limit);
      say({ kind: 'entries', id, bodies });
    } else {
      const streams = store.streams();
      say({
        kind: 'streams',
        id,
        names: streams.map(([name]) => name),
        nextSeqs: streams.map(([, nextSeq]) => nextSeq),
      });
    }
  } catch (error) {
    const { refusal, message } = refusalOf(error, options.path);
    say({ kind: 'failed', id, refusal, message });
  }
};

const store = open();
if (store) serve(store);
