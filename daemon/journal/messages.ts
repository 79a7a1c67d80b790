/**
 * What crosses between the main thread and the journal's thread: two closed unions of plain data.
 * Appends travel many to a message and are answered by one message a commit, because a message
 * costs the main thread more than what is in it.
 */
import type { Append, JournalRefusal } from './journal.ts';

/** The first message to the thread: which file, and how. */
export interface ThreadSetup {
  readonly path: string;
  readonly syncDelayMs: number;
  /** 0: never. */
  readonly exitAfterEntries: number;
  readonly pagesMax?: Int32Array;
  readonly accept: boolean;
  readonly wholeBytesMax?: number;
}

/** One `append` call: all of it lands, or nothing. */
export type Call = readonly Append[];

export type Question =
  | {
      readonly kind: 'read';
      readonly id: number;
      readonly stream: string;
      readonly fromSeq: number;
      readonly limit: number;
    }
  | { readonly kind: 'streams'; readonly id: number }
  | { readonly kind: 'check'; readonly id: number }
  | {
      readonly kind: 'trim';
      readonly id: number;
      readonly stream: string;
      readonly beforeSeq: number;
      readonly entriesMax: number;
    };

export type ToThread =
  | { readonly kind: 'append'; readonly calls: readonly Call[] }
  | Question
  | { readonly kind: 'close' };

export interface Conflict {
  /** Position among the calls that the message acknowledges. */
  readonly call: number;
  readonly message: string;
}

export type FromThread =
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused'; readonly refusal: JournalRefusal; readonly message: string }
  /** The oldest `calls` unanswered calls are durable, those in `conflicts` excepted. */
  | { readonly kind: 'landed'; readonly calls: number; readonly conflicts: readonly Conflict[] }
  | { readonly kind: 'held'; readonly reason: string }
  /** Bodies of consecutive entries, the first at `fromSeq`. */
  | {
      readonly kind: 'entries';
      readonly id: number;
      readonly fromSeq: number;
      readonly bodies: readonly string[];
    }
  | { readonly kind: 'checked'; readonly id: number }
  | { readonly kind: 'trimmed'; readonly id: number; readonly done: boolean }
  | {
      readonly kind: 'streams';
      readonly id: number;
      readonly names: readonly string[];
      readonly nextSeqs: readonly number[];
    }
  | {
      readonly kind: 'failed';
      readonly id: number;
      readonly refusal: JournalRefusal;
      readonly message: string;
    };
