/**
 * The journal in a SQLite file, as the main thread sees it: it only gathers and posts. All appends
 * of one turn of the event loop are one message; the file, its syncs and its troubles are in
 * thread.ts.
 */
import { mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SiteswapError } from '../core/errors.ts';
import {
  type Append,
  type Journal,
  JournalError,
  type JournalHealth,
  type StoredEntry,
} from './journal.ts';
import type { Call, FromThread, Question, ThreadSetup, ToThread } from './messages.ts';
import { codeOf, inUse, refusalOf } from './refusal.ts';

export interface SqliteJournalOptions {
  /** The journal's file; its directory is made when it is missing. */
  readonly path: string;
  /** Bench and tests: sleeps this long in the journal's thread at each sync. */
  readonly syncDelayMs?: number;
  /**
   * Tests: the process kills itself (SIGKILL) when this many entries are durable since it started,
   * before the last of them is acknowledged.
   */
  readonly exitAfterEntries?: number;
  /** Tests: one shared integer, the file's largest size in pages (0: as large as SQLite can). */
  readonly pagesMax?: Int32Array;
  /** It is taken as it is, whatever its mark knows of: a person said so. */
  readonly accept?: boolean;
  /** Tests: files up to this size are looked at whole at the start. */
  readonly wholeBytesMax?: number;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Asked {
  readonly resolve: (answer: FromThread) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Files that this process has open. A second opening must be refused without touching the file:
 * closing *any* descriptor of it would drop the process's locks on it (POSIX).
 */
const openPaths = new Set<string>();

/**
 * A thread that has no file yet. It takes longer to be there than all else of a daemon, so that it
 * may be started before anything is known, and kept for `openSqliteJournal`.
 */
export interface JournalThread {
  readonly worker: Worker;
  /** Rejects when the thread cannot start; never resolves. */
  readonly failed: Promise<never>;
}

export const startJournalThread = (): JournalThread => {
  const place = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);
  const worker = new Worker(place, { name: 'journal' });
  const { promise, reject } = Promise.withResolvers<never>();
  worker.once('error', reject);
  // Whoever opens is told; until then, and if nobody does, it is not news.
  promise.catch(() => {});
  return { worker, failed: promise };
};

/** Opens or creates the journal. Rejects with JournalError when it is refused. */
export const openSqliteJournal = async (
  options: SqliteJournalOptions,
  thread?: JournalThread,
): Promise<Journal> => {
  const path = placeOf(options.path);
  if (openPaths.has(path)) throw inUse(path, 'it is this very process');
  openPaths.add(path);
  const { worker, failed } = thread ?? startJournalThread();
  // The lock on the file goes with the thread, so only its end makes room for the next opening.
  worker.once('exit', () => openPaths.delete(path));
  const opened = new Promise<Journal>((resolve, reject) => {
    worker.once('message', (message: FromThread) => {
      if (message.kind === 'refused') {
        worker.once('exit', () => reject(new JournalError(message.refusal, message.message)));
      } else resolve(new SqliteJournal(worker, path));
    });
  });
  const setup: ThreadSetup = {
    path,
    syncDelayMs: options.syncDelayMs ?? 0,
    exitAfterEntries: options.exitAfterEntries ?? 0,
    ...(options.pagesMax && { pagesMax: options.pagesMax }),
    accept: options.accept ?? false,
    ...(options.wholeBytesMax !== undefined && { wholeBytesMax: options.wholeBytesMax }),
  };
  worker.postMessage(setup);
  return Promise.race([opened, failed]);
};

/**
 * Node's own recursive way asks for ever where a parent exists and yet nothing can be made in it
 * (`/proc`, a directory that was removed): here the second refusal is the last.
 */
const makeDirectory = (path: string): void => {
  const make = () => mkdirSync(path, { mode: 0o700 });
  try {
    make();
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectory(dirname(path));
    make();
  }
};

const placeOf = (path: string): string => {
  try {
    makeDirectory(dirname(path));
    return join(realpathSync(dirname(path)), basename(path));
  } catch (error) {
    throw refusalOf(error, path);
  }
};

/** Damage is told to whoever asked for what is damaged, callers from outside included. */
const failureOf = ({ refusal, message }: Extract<FromThread, { kind: 'failed' }>): Error =>
  refusal === 'damaged'
    ? new SiteswapError('JOURNAL_DAMAGED', message)
    : new JournalError(refusal, message);

class SqliteJournal implements Journal {
  readonly #worker: Worker;
  readonly #path: string;
  /** Calls of this turn of the loop, not posted yet. */
  #turn: Call[] = [];
  /** Calls not answered yet, in order. */
  readonly #waiting: Waiting[] = [];
  readonly #asked = new Map<number, Asked>();
  #questions = 0;
  #heldReason: string | undefined;
  #closing: Promise<void> | undefined;
  readonly #ended: Promise<void>;
  #over = false;

  constructor(worker: Worker, path: string) {
    this.#worker = worker;
    this.#path = path;
    let cause = '';
    worker.on('message', (message: FromThread) => this.#take(message));
    worker.on('error', (error) => {
      cause = ` (${error instanceof Error ? error.message : String(error)})`;
    });
    this.#ended = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#end(cause);
        resolve();
      });
    });
  }

  append(appends: readonly Append[]): Promise<void> {
    if (this.#over || this.#closing) return Promise.reject(this.#closedError());
    if (this.#turn.length === 0) setImmediate(() => this.#post());
    this.#turn.push(appends);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  async read(stream: string, fromSeq: number, limit: number): Promise<readonly StoredEntry[]> {
    const first = Math.max(fromSeq, 1);
    const asked = { kind: 'read', stream, fromSeq: first, limit: Math.max(limit, 0) } as const;
    const answer = await this.#ask((id) => ({ ...asked, id }));
    if (answer.kind !== 'entries') throw new Error(`journal: unexpected ${answer.kind}`);
    return answer.bodies.map((body, index) => ({ seq: answer.fromSeq + index, body }));
  }

  async streams(): Promise<readonly { readonly stream: string; readonly nextSeq: number }[]> {
    const answer = await this.#ask((id) => ({ kind: 'streams', id }));
    if (answer.kind !== 'streams') throw new Error(`journal: unexpected ${answer.kind}`);
    return answer.names.map((stream, index) => ({
      stream,
      nextSeq: answer.nextSeqs[index] as number,
    }));
  }

  async check(): Promise<void> {
    await this.#ask((id) => ({ kind: 'check', id }));
  }

  async trim(stream: string, beforeSeq: number, entriesMax: number): Promise<boolean> {
    const asked = { kind: 'trim', stream, beforeSeq, entriesMax } as const;
    const answer = await this.#ask((id) => ({ ...asked, id }));
    if (answer.kind !== 'trimmed') throw new Error(`journal: unexpected ${answer.kind}`);
    return answer.done;
  }

  health(): JournalHealth {
    if (this.#heldReason === undefined) return { held: false };
    return { held: true, reason: this.#heldReason };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#post();
    if (!this.#over) this.#say({ kind: 'close' });
    await this.#ended;
  }

  #post(): void {
    if (this.#turn.length === 0 || this.#over) return;
    this.#say({ kind: 'append', calls: this.#turn });
    this.#turn = [];
  }

  #say(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #ask(question: (id: number) => Question): Promise<FromThread> {
    if (this.#over || this.#closing) return Promise.reject(this.#closedError());
    const id = ++this.#questions;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#say(question(id));
    });
  }

  #take(message: FromThread): void {
    switch (message.kind) {
      case 'landed':
        this.#heldReason = undefined;
        this.#acknowledge(message);
        break;
      case 'held':
        this.#heldReason = message.reason;
        break;
      case 'failed':
        this.#answered(message.id)?.reject(failureOf(message));
        break;
      case 'checked':
      case 'entries':
      case 'streams':
      case 'trimmed':
        this.#answered(message.id)?.resolve(message);
        break;
      default:
    }
  }

  #acknowledge({ calls, conflicts }: Extract<FromThread, { kind: 'landed' }>): void {
    const landed = this.#waiting.splice(0, calls);
    for (const { call, message } of conflicts) {
      landed[call]?.reject(new JournalError('conflict', message));
    }
    // Settling twice has no effect, so those refused above need no telling apart.
    for (const { resolve } of landed) resolve();
  }

  #answered(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  /** The thread is gone: wanted, or not. What it did not acknowledge will not be. */
  #end(cause: string): void {
    this.#over = true;
    if (!this.#closing)
      this.#heldReason = `The journal's thread ended${cause}: restart the daemon.`;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#closedError(cause));
    for (const { reject } of this.#asked.values()) reject(this.#closedError(cause));
    this.#asked.clear();
  }

  #closedError(cause = ''): JournalError {
    return new JournalError('closed', `The journal ${this.#path} is closed${cause}.`);
  }
}
