/**
 * What a watcher receives. It stands apart from the feed so that those who only hand pages on need
 * not know how they are made. Pages are immutable and shared between watchers: the same range is
 * the same object, so that a server can encode it once for all of them.
 */

export interface ProgressItem {
  readonly workgroupId: string;
  readonly step: string;
  readonly itemId: string;
  /** 0–1. */
  readonly fraction: number;
}

export interface EventPage {
  readonly runId: string;
  /** Entries in order with their sequence numbers (cursors). */
  readonly events: readonly { readonly seq: number; readonly body: string }[];
  /** Coalesced progress of accepted operations; not replayed, no cursor. */
  readonly progress?: readonly ProgressItem[];
  /** True on the page that holds the run's last event. */
  readonly last: boolean;
}
