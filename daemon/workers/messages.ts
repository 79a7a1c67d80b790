/**
 * What crosses between the pool and its threads. A message costs both sides more than a small job
 * does, so jobs and answers travel many to a message, as text; and what a thread needs to know of a
 * workgroup, its items, travels once. Answers are JSON made in the thread: nothing that a plugin
 * put into one can fail to cross and end the thread.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { ConfigsRead } from '../host/config.ts';
import type { RemoteConfig } from '../host/remote.ts';
import type { BoardShape } from './board.ts';
import type { RemoteJob } from './execute.ts';
import type { Rest } from './parcel.ts';
import type { PluginDescription, TaskJob } from './pool.ts';

/** Given to a thread when it starts. */
export interface ThreadSetup {
  readonly remotes: readonly RemoteConfig[];
  readonly siteIds: readonly string[];
  readonly sites: SharedArrayBuffer;
  readonly board: BoardShape;
  /** What is on at the wire (see wire-board.ts). */
  readonly wire: SharedArrayBuffer;
  /** Directory from which relative modules and packages of plugins are found. */
  readonly baseDir: string;
  readonly clockOffsetMs: number;
  readonly beatMs: number;
}

/** Asks what a plugin is, and what it says of the configuration of its remotes. */
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
  | (ConfigsRead & { readonly description: PluginDescription })
  | { readonly fault: Fault };

/** The one task of a thread: to serve the pool through a port of their own, until it ends. */
export interface ServeTask {
  readonly port: MessagePort;
}

/** To a thread. */
export interface Batch {
  /** Everything known of items and of steps is forgotten first. */
  readonly forget: boolean;
  /** Texts of items with the numbers that jobs name them by from now on. */
  readonly items: readonly (readonly [number, string])[];
  /** As well: what the tasks of a step have in common. */
  readonly heads: readonly (readonly [number, string])[];
  /** JSON of `(Sent | Order)[]`, to be taken in this order. */
  readonly sent: string;
}

/**
 * About a staged message, by its number: it begins now, whatever it stands behind; or, the number
 * being negative, it is taken back, unless it has begun.
 */
export type Order = number;

/** Anything but a task, under its number. */
export type SentMessage = readonly [
  id: number,
  message: ProbeMessage | (JobMessage & { readonly job: Exclude<RemoteJob, TaskJob> }),
];

/**
 * A task's job under its number. Staged behind another one (0: behind none), it begins when that
 * has ended (at once if it has ended already), and its time runs from then on.
 */
export type SentTask = readonly [
  id: number,
  head: number,
  items: number,
  workgroup: string,
  attempt: number,
  dueMs: number,
  behind: number,
  rest?: Rest,
];

export type Sent = SentMessage | SentTask;

/** From a thread, unasked: what its plugin wrote to the standard streams. */
export interface Said {
  readonly kind: 'said';
  /** Of one or more lines. */
  readonly text: string;
  /** Characters that were too many, and are gone. */
  readonly dropped: number;
}

/** From a thread: lines of a message's number, a space and the JSON of its answer. */
export type Answers = string;

/** An answer of which a part is bytes: they change hands, and are copied nowhere. */
export interface Parcel {
  readonly text: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** From a thread, at once: the job of this number met a rule that changed something. */
export interface Strike {
  readonly id: number;
  readonly struck: string;
}

/** From a thread: the parcel that answers the message of this number. */
export interface Delivery extends Parcel {
  readonly id: number;
}
