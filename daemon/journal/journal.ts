/**
 * The journal: append-only streams of entries, durable before they are acknowledged. It stores and
 * returns bodies; it never interprets them. One interface, one contract suite, several stores.
 */

import type { Shared } from './shared.ts';

/** Entries for one stream; the first gets sequence number `seq`, the others follow. */
export interface Append {
  readonly stream: string;
  /** Must be the stream's next number (1 for a new stream): a second writer is refused by it. */
  readonly seq: number;
  /** Encoded entries (JSON text), in order. */
  readonly bodies: readonly string[];
  /** The licence under which it is appended; stores of many members refuse any but the newest. */
  readonly epoch?: number;
}

export interface StoredEntry {
  readonly seq: number;
  readonly body: string;
}

export interface JournalHealth {
  /** No entry is being taken (disk full, server away); appends wait and go on by themselves. */
  readonly held: boolean;
  readonly reason?: string;
}

/**
 * Why a journal refuses: to open (`damaged`, `newer-format`, `in-use`, `read-only`, `unreachable`,
 * `not-durable`; it is left untouched), one append (`conflict`; `fenced`: another member has the
 * licence), or anything more (`closed`).
 */
export type JournalRefusal =
  | 'damaged'
  | 'newer-format'
  | 'in-use'
  | 'read-only'
  | 'unreachable'
  | 'not-durable'
  | 'conflict'
  | 'fenced'
  | 'closed';

export class JournalError extends Error {
  readonly refusal: JournalRefusal;

  constructor(refusal: JournalRefusal, message: string) {
    super(message);
    this.name = 'JournalError';
    this.refusal = refusal;
  }
}

export interface Journal {
  /** Absent: no other daemon has a part in this journal. */
  readonly shared?: Shared;
  /**
   * All appends of one call land together or not at all. Resolves after the sync to disk. Calls
   * that arrive during a sync share the next one. While held it stays pending, in order.
   * Rejects with JournalError `conflict` when a sequence number is not the next one.
   */
  append(appends: readonly Append[]): Promise<void>;
  /**
   * Entries from `fromSeq` on, ascending, at most `limit`; where the beginning was trimmed, from
   * the oldest that is left on. Rejects with SiteswapError JOURNAL_DAMAGED where an entry is not
   * there, or not what was written.
   */
  read(stream: string, fromSeq: number, limit: number): Promise<readonly StoredEntry[]>;
  /**
   * Asked before the first append of a process, when what it needs has been read: rejects with
   * SiteswapError JOURNAL_DAMAGED when an entry that nobody has read yet is not what was written.
   * Large files, and stores that vouch for themselves, are not looked through for it.
   */
  check(): Promise<void>;
  /** Every stream with its next sequence number, by name. */
  streams(): Promise<readonly { readonly stream: string; readonly nextSeq: number }[]>;
  /**
   * Forgets entries with numbers below `beforeSeq`, the oldest first, at most `entriesMax`; true:
   * none of them is left. A stream without entries is gone, its name with it. It is asked for slice
   * by slice, so that appends in between wait for one slice and no more.
   */
  trim(stream: string, beforeSeq: number, entriesMax: number): Promise<boolean>;
  health(): JournalHealth;
  /**
   * Waits for what was accepted, then lets go of the store. While held there is one last try; what
   * still does not land is refused with `closed`, and was never acknowledged.
   */
  close(): Promise<void>;
}
