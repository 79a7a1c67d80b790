/**
 * The pool: where plugin code runs. One interface, two implementations (Piscina threads; inline,
 * for tests and simulation), one contract suite. A job is plain data and so is its answer; a pool
 * never throws for what a plugin did: faults come back as values.
 */
import type { PluginDescription } from '../../sdk/plugin/check.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Page, PageRequest } from '../../sdk/plugin/model.ts';
import type {
  Evidence,
  ListingVerb,
  OperationDirection,
  TargetVerb,
  ValueAnswer,
} from '../../sdk/plugin/verbs.ts';
import type { Side } from '../core/frozen.ts';
import type { Injection } from '../core/injection.ts';
import type { Mode } from '../core/plan.ts';
import type { PlacedRule } from '../gateway/wire.ts';
import type { ConfigsRead } from '../host/config.ts';
import type { PackedDevices } from '../host/packed.ts';
import type { RemoteConfig } from '../host/remote.ts';
import type { Shown } from '../present/present.ts';

export type { RemoteConfig };

/**
 * One phase of one task, on one remote. `ask`: what became of it, of a run that has ended, by the
 * plugin's word alone; nothing is repeated for that.
 */
export interface TaskJob {
  readonly kind: 'task';
  readonly remoteId: string;
  /** The registered step, its phase and coordinates (coordinates are for logs and draws). */
  readonly step: string;
  readonly phase: 'before' | 'run' | 'settle' | 'undo' | 'poll' | 'ask';
  readonly runId: string;
  readonly workgroup: string;
  readonly mode: Mode | 'device';
  readonly side: Side;
  /** JSON of the workgroup's items, made once per workgroup. */
  readonly items: string;
  /** Positions to work on, compact; absent: all. */
  readonly only?: string;
  /** Undo, and where a step proves what it did: JSON of position → what `before` found. */
  readonly before?: string;
  /** Poll: position → the operation accepted for it. */
  readonly operations?: readonly { readonly item: number; readonly operation: string }[];
  readonly args?: Readonly<Record<string, unknown>>;
  readonly key: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly timeoutMs: number;
  readonly direction: OperationDirection;
  readonly injections?: readonly Injection[];
  /** Answers are remembered, for reads that will be stale. */
  readonly remembers?: true;
  readonly shown?: Shown;
}

/** One page of a listing verb, outside runs. */
export interface ListingJob {
  readonly kind: 'listing';
  readonly remoteId: string;
  readonly verb: ListingVerb;
  readonly page: PageRequest;
  readonly timeoutMs: number;
  readonly injections?: readonly Injection[];
  readonly remembers?: true;
  /** Devices: answer them as bytes of the contract, in portions of so many, and no items. */
  readonly packedBy?: number;
  /** With the pages that follow, as long as they come at once: `next` tells where to go on. */
  readonly runsOn?: true | undefined;
}

/** One reading verb with targets, outside runs. */
export interface QueryJob {
  readonly kind: 'query';
  readonly remoteId: string;
  /** One of `readingVerbs`. */
  readonly verb: TargetVerb;
  readonly targets: readonly { readonly id: string }[];
  /** Arguments of the verb, where it has any. */
  readonly args?: object;
  readonly timeoutMs: number;
  readonly injections?: readonly Injection[];
  readonly remembers?: true;
  readonly shown?: Shown;
}

/**
 * Asks a plugin what it is and can do, and what it says of the configuration of its remotes: import
 * and checks only, no session.
 */
export interface DescribeJob {
  readonly kind: 'describe';
  readonly pluginId: string;
  readonly module: string;
  readonly timeoutMs: number;
}

/** Positions are within the workgroup; each asked position is named exactly once. */
export interface TaskResult {
  readonly kind: 'task';
  /** Compact set. `before` phase: found; `settle`: done. */
  readonly done: string;
  readonly evidence?: Readonly<Record<string, Evidence>>;
  readonly faults: readonly { readonly items: string; readonly fault: Fault }[];
  readonly accepted?: readonly { readonly item: number; readonly operation: string }[];
  /** `before` phase: position → found. */
  readonly before?: Readonly<Record<string, unknown>>;
  /** `settle`, `ask` and `poll` phases. */
  readonly running?: readonly { readonly item: number; readonly progress?: number }[];
  readonly absent?: string;
  readonly unknowable?: readonly { readonly items: string; readonly why: string }[];
  /** Verbs that the gateway refused because the site is lost. */
  readonly refused?: readonly string[];
  /** Names of rules whose injections were applied. */
  readonly injected?: readonly string[];
}

export interface ListingResult extends Page<unknown> {
  readonly kind: 'listing';
  readonly refused?: readonly string[];
  readonly injected?: readonly string[];
  readonly packed?: PackedDevices;
}

export type { PluginDescription };

export interface Described extends PluginDescription {
  /** Remote id → what is wrong in its configuration. */
  readonly misconfigured: ConfigsRead['misconfigured'];
}

/** One answer per target, by id. */
export interface QueryResult {
  readonly kind: 'query';
  readonly answers: readonly ValueAnswer<unknown>[];
  readonly refused?: readonly string[];
  readonly injected?: readonly string[];
}

export type Job = TaskJob | ListingJob | QueryJob | DescribeJob;

/** The whole job failed: worker died, plugin did not load, deadline passed with no answer. */
export interface JobFault {
  readonly kind: 'fault';
  readonly fault: Fault;
  /** Verbs that the gateway refused because the site is lost. */
  readonly refused?: readonly string[];
  /** Names of rules whose injections were applied. */
  readonly injected?: readonly string[];
}

export type ResultOf<J extends Job> =
  | (J extends TaskJob
      ? TaskResult
      : J extends ListingJob
        ? ListingResult
        : J extends QueryJob
          ? QueryResult
          : Described)
  | JobFault;

export interface PoolHealth {
  readonly threads: number;
  readonly inFlight: number;
  /** Plugin id → why it is not being called now. */
  readonly blocked: Readonly<Record<string, string>>;
}

export type Struck = readonly [carried: readonly Injection[], rules: readonly string[]];

/** A staged job that was recalled before it began: nothing was done. */
export interface Recalled {
  readonly kind: 'recalled';
}

/** A job that is in its thread already and has not been told to begin. */
export interface Staged {
  /** As `run`'s; or `recalled`. */
  readonly result: Promise<TaskResult | JobFault | Recalled>;
  /** Lets it begin now, whatever it stands behind. */
  begin(): void;
  /** What it stood behind has ended: it has begun by itself. */
  begun(): void;
  /** Takes it back, if it has not begun. */
  recall(): void;
}

export interface Pool {
  /**
   * Sends a job ahead. It begins by itself in the moment in which `behind`, a job in flight, ends;
   * or when it is told to. The answer of `behind` always comes before its own. Undefined: not
   * possible here, or no longer.
   */
  stage(job: TaskJob, behind: TaskJob): Staged | undefined;
  /** Never rejects. Resolves at the job's deadline at the latest (plus a small grace). */
  run<J extends Job>(job: J): Promise<ResultOf<J>>;
  /**
   * From the moment that this returns no verb is called at a remote of the site, in any thread;
   * calls that are in flight there are aborted.
   */
  setSiteLost(siteId: string, lost: boolean): void;
  /**
   * Says what is on at the wire. When it resolves that holds in every thread, for connections that
   * are open too, and nothing else does. Throws RangeError when the rules are too many.
   */
  setWire(rules: readonly PlacedRule[]): Promise<void>;
  /** What each rule did since then: connections begun or pieces touched. */
  wireHits(): ReadonlyMap<string, number>;
  /** Jobs under way of which a rule has changed something: what they carry, and which rules. */
  struck(): readonly Struck[];
  health(): PoolHealth;
  /** Ends threads and sessions. No job may be given afterwards. */
  close(): Promise<void>;
}
