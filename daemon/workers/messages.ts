/**
 * What crosses between the pool and its threads: two typed unions of plain data. Answers come back
 * as JSON text, so that nothing which a plugin put into one can fail to cross and end the thread.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { RemoteConfig } from '../host/remote.ts';
import type { BoardShape } from './board.ts';
import type { RemoteJob } from './execute.ts';
import type { PluginDescription } from './pool.ts';

/** Given to a thread when it starts. */
export interface ThreadSetup {
  readonly remotes: readonly RemoteConfig[];
  readonly siteIds: readonly string[];
  readonly sites: SharedArrayBuffer;
  readonly board: BoardShape;
  /** Directory from which relative modules and packages of plugins are found. */
  readonly baseDir: string;
  readonly clockOffsetMs: number;
  readonly beatMs: number;
}

/** Asks what a plugin is, and which of its remotes want the whole daemon's only instance. */
export interface ProbeMessage {
  readonly kind: 'probe';
  readonly pluginId: string;
  readonly module: string;
}

export interface JobMessage {
  readonly kind: 'job';
  readonly job: RemoteJob;
  /** Milliseconds since the Unix epoch, by the pool's clock. */
  readonly dueMs: number;
}

export type ThreadMessage = ProbeMessage | JobMessage;

export type ProbeResult =
  | { readonly description: PluginDescription; readonly singles: readonly string[] }
  | { readonly fault: Fault };
