/**
 * What an agent is made of: the rest of the daemon as one run needs it, all of it handed in, so
 * that an agent can be lost and made anew at any moment.
 */
import type { Clock } from '../core/clock.ts';
import type { Presentations } from '../core/presentation.ts';
import type { SystemEntry } from '../core/system.ts';
import type { Feed } from '../feed/feed.ts';
import type { Append, Journal } from '../journal/journal.ts';
import type { Pool } from '../workers/pool.ts';
import type { Catalog } from './catalog.ts';
import type { Draws } from './draws.ts';
import type { RunLog } from './log.ts';
import type { Rivals } from './rivals.ts';
import type { RunSlots } from './slots.ts';

export interface AgentParts {
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly feed: Feed;
  readonly draws: Draws;
  readonly slots: RunSlots;
  readonly log: RunLog;
  readonly presentations: Presentations;
  readonly rivals: Rivals;
  /** Runs of this daemon that are about to undo, for those that would count on them. */
  readonly returning: Set<string>;
  /** Another member has the run: it is not ours any more. */
  readonly fenced: (runId: string) => void;
}

/** What lands with the end of a run: the beginning of the one that takes over. */
export interface Beside {
  readonly entries: readonly SystemEntry[];
  readonly appends: readonly Append[];
}
