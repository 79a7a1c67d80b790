/**
 * The journal's thread: owns the file, so that a sync to disk never stops the main loop. Whatever
 * arrived while the last sync ran is the next group: one transaction, one sync, one answer.
 *
 * A group that cannot be written is kept, in order, and tried again for ever with growing delay:
 * the journal is *held*. Nothing is acknowledged meanwhile, and nothing that was acknowledged is
 * lost.
 */
import { once } from 'node:events';
import { parentPort, receiveMessageOnPort } from 'node:worker_threads';
import type { Call, FromThread, Question, ThreadSetup, ToThread } from './messages.ts';
import { codeOf, isDamage, refusalOf } from './refusal.ts';
import { SqliteStore } from './store.ts';

/** Entries in one transaction: bounds the wait of the first for the last (some 20 ms). */
const groupEntriesMax = 10_000;

/** First and largest delay between two tries while held. */
const retryDelayMsMin = 10;
const retryDelayMsMax = 1_000;

const port = parentPort as NonNullable<typeof parentPort>;
/** All that takes long is loaded by now, perhaps ahead of who has the file's name to say. */
const [options] = (await once(port, 'message')) as [ThreadSetup];
const sleeper = new Int32Array(new SharedArrayBuffer(4));

const say = (message: FromThread): void => port.postMessage(message);
const sleep = (ms: number): void => {
  Atomics.wait(sleeper, 0, 0, ms);
};

const entriesOf = (call: Call): number => call.reduce((sum, { bodies }) => sum + bodies.length, 0);

class JournalThread {
  readonly #store: SqliteStore;
  /** Calls that have not landed, in order. */
  readonly #waiting: Call[] = [];
  #entriesLanded = 0;
  #pagesMax = 0;
  /** Set while held. */
  #retry: { readonly timer: NodeJS.Timeout; readonly delayMs: number } | undefined;

  constructor(store: SqliteStore) {
    this.#store = store;
  }

  /** Handles `first` and all that has come behind it meanwhile. */
  take(first: ToThread): void {
    const questions: Question[] = [];
    let closing = false;
    for (let message: ToThread | undefined = first; message; message = nextMessage()) {
      if (message.kind === 'append') for (const call of message.calls) this.#waiting.push(call);
      else if (message.kind === 'close') closing = true;
      else questions.push(message);
    }
    if (this.#retry === undefined) this.#land();
    for (const question of questions) say(answer(this.#store, question));
    if (closing) this.#close();
  }

  #land(): void {
    try {
      while (this.#waiting.length > 0) this.#landGroup();
      clearTimeout(this.#retry?.timer);
      this.#retry = undefined;
    } catch (error) {
      this.#hold(error);
    }
  }

  #landGroup(): void {
    const calls = this.#nextGroup();
    this.#obeyTestLimits();
    const conflicts = this.#store.land(calls);
    this.#waiting.splice(0, calls.length);
    const refused = new Set(conflicts.map(({ call }) => call));
    const landed = calls.filter((_, index) => !refused.has(index));
    this.#entriesLanded += landed.reduce((sum, call) => sum + entriesOf(call), 0);
    this.#crashIfDue();
    say({ kind: 'landed', calls: calls.length, conflicts });
  }

  /** The oldest calls, up to the bound; never past the entry after which a test wants a crash. */
  #nextGroup(): Call[] {
    const crashAt = options.exitAfterEntries - this.#entriesLanded;
    const entriesMax = crashAt > 0 ? Math.min(crashAt, groupEntriesMax) : groupEntriesMax;
    const calls: Call[] = [];
    for (let entries = 0; entries < entriesMax && calls.length < this.#waiting.length; ) {
      const call = this.#waiting[calls.length] as Call;
      entries += entriesOf(call);
      calls.push(call);
    }
    return calls;
  }

  #obeyTestLimits(): void {
    const wanted = options.pagesMax === undefined ? 0 : Atomics.load(options.pagesMax, 0);
    if (wanted !== this.#pagesMax) this.#store.limitPages(wanted);
    this.#pagesMax = wanted;
    if (options.syncDelayMs > 0) sleep(options.syncDelayMs);
  }

  #crashIfDue(): void {
    if (options.exitAfterEntries === 0) return;
    if (this.#entriesLanded < options.exitAfterEntries) return;
    process.kill(process.pid, 'SIGKILL');
    sleep(Number.POSITIVE_INFINITY);
  }

  #hold(error: unknown): void {
    const delayMs = Math.min((this.#retry?.delayMs ?? retryDelayMsMin / 2) * 2, retryDelayMsMax);
    this.#retry = { timer: setTimeout(() => this.#land(), delayMs), delayMs };
    say({ kind: 'held', reason: heldReason(error) });
  }

  /** One last try, then the thread ends by itself: nothing keeps it alive any more. */
  #close(): void {
    clearTimeout(this.#retry?.timer);
    this.#land();
    clearTimeout(this.#retry?.timer);
    this.#store.close();
    port.close();
  }
}

const nextMessage = (): ToThread | undefined => receiveMessageOnPort(port)?.message;

const heldReason = (error: unknown): string => {
  const code = codeOf(error);
  const what = error instanceof Error ? error.message : String(error);
  const state = `The journal ${options.path} takes no entry (${code}: ${what})`;
  if (isDamage(code)) return `${state}: it is damaged; stop the daemon and keep its files.`;
  const wayOut = code === 'SQLITE_FULL' ? 'make room' : 'mend its cause';
  return `${state}: ${wayOut}; it goes on by itself.`;
};

const answer = (store: SqliteStore, question: Question): FromThread => {
  const { id } = question;
  try {
    if (question.kind === 'read') {
      return { kind: 'entries', id, ...store.read(question) };
    }
    if (question.kind === 'trim') return { kind: 'trimmed', id, done: store.trim(question) };
    if (question.kind === 'check') {
      store.check();
      return { kind: 'checked', id };
    }
    const streams = store.streams();
    const names = streams.map(([name]) => name);
    return { kind: 'streams', id, names, nextSeqs: streams.map(([, nextSeq]) => nextSeq) };
  } catch (error) {
    const { refusal, message } = refusalOf(error, options.path);
    return { kind: 'failed', id, refusal, message };
  }
};

try {
  const thread = new JournalThread(new SqliteStore(options.path, options));
  port.on('message', (message: ToThread) => thread.take(message));
  say({ kind: 'opened' });
} catch (error) {
  // With nobody listening the thread ends by itself.
  const { refusal, message } = refusalOf(error, options.path);
  say({ kind: 'refused', refusal, message });
}
