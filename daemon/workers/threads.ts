/**
 * The pool of worker threads. The main thread never runs plugin code: it places jobs, watches the
 * threads, and answers for those that ended. Each plugin has threads of its own: what it does to
 * them is its own affair; it is not called for a while, and all others go on.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Clock } from '../core/clock.ts';
import type { PlacedRule } from '../gateway/wire.ts';
import type { RemoteConfig } from '../host/remote.ts';
import { scrubberOf, textsIn } from '../host/scrub.ts';
import { Blocked } from './blocked.ts';
import type { RemoteJob } from './execute.ts';
import {
  atEntry,
  loadOverdue,
  overdue,
  pluginBlocked,
  pluginCrashed,
  poolClosed,
  poolFull,
  unknownRemote,
  workerLost,
} from './faults.ts';
import type { Asker } from './lane.ts';
import { graceMsMax, threadHeapMbMax, threadSilentMsMax } from './limits.ts';
import type { ProbeResult } from './messages.ts';
import { Placement } from './placement.ts';
import type {
  Job,
  JobFault,
  ListingResult,
  Pool,
  Recalled,
  ResultOf,
  Staged,
  Struck,
  TaskJob,
} from './pool.ts';
import { SiteFlags } from './site-flags.ts';
import { struckIn, withStrikes } from './strikes.ts';
import { clockOffsetMs, systemClock } from './system-clock.ts';
import { lookEveryMs, type Place, ThreadGroup } from './thread-group.ts';
import { WireBoard } from './wire-board.ts';

/** What the pool tells the log; the daemon hands in a writer. */
export interface PluginLog {
  /** `text`: what a plugin wrote, lines of it; `dropped`: characters that were too many. */
  said(pluginId: string, text: string, dropped: number): void;
}

export interface ThreadPoolOptions {
  readonly remotes: readonly RemoteConfig[];
  readonly siteIds: readonly string[];
  /** Plugin id → where its entry stands in the configuration. */
  readonly pluginPlaces?: ReadonlyMap<string, string>;
  /** Threads of each plugin. */
  readonly threads: number;
  /** Where relative modules and packages of plugins are found; absent: the working directory. */
  readonly baseDir?: string;
  /** A thread whose event loop has not turned for this long is ended. */
  readonly silentMsMax?: number;
  /** First time for which a plugin that ended a thread is not called. */
  readonly coolDownMs?: number;
  readonly heapMbMax?: number;
  /** Absent: what plugins write to standard streams is gone. */
  readonly log?: PluginLog;
}

type AnyResult = ResultOf<Job>;

/** What a flight needs of its pool. */
interface Tower {
  readonly now: () => number;
  readonly landed: (flight: Flight) => void;
  readonly wentWell: (pluginId: string) => void;
  /** Answers for a job that its thread took with it. */
  readonly mourn: (group: ThreadGroup, pluginId: string, error: unknown) => JobFault;
}

/** Of nearly every job: one for all of them. */
const none: ReadonlySet<string> = new Set();

/** A job whose answer somebody waits for; it may be staged. */
class Flight implements Asker, Staged {
  readonly job: Job;
  readonly pluginId: string;
  /** For ever, while it is staged. */
  dueMs: number;
  group: ThreadGroup | undefined;
  /** Where it is, once it has a lane. */
  place: Place | undefined;
  /** Of the kind that its job's is. */
  readonly result: Promise<never>;
  /** Rules that are known to have changed something of it. */
  strikes: ReadonlySet<string> = none;
  readonly #tower: Tower;
  #resolve: (result: AnyResult | Recalled) => void = () => {};

  constructor(job: Job, pluginId: string, dueMs: number, tower: Tower) {
    this.job = job;
    this.pluginId = pluginId;
    this.dueMs = dueMs;
    this.#tower = tower;
    this.result = new Promise<AnyResult | Recalled>((resolve) => {
      this.#resolve = resolve;
    }) as Promise<never>;
  }

  begun(): void {
    this.dueMs = this.#tower.now() + this.job.timeoutMs;
  }

  begin(): void {
    this.begun();
    this.place?.lane.begin(this.place.id, this);
  }

  recall(): void {
    this.place?.lane.recall(this.place.id, this);
  }

  struck(rule: string): void {
    this.strikes = new Set([...this.strikes, rule]);
  }

  answer(result: AnyResult | Recalled): void {
    this.#tower.landed(this);
    this.#resolve(withStrikes(result, this.strikes));
  }

  answered(text: string, bytes?: Uint8Array<ArrayBuffer>): void {
    this.#tower.wentWell(this.pluginId);
    const result = JSON.parse(text) as AnyResult;
    this.answer(bytes === undefined ? result : unparcelled(result as ListingResult, bytes));
  }

  failed(error: unknown): void {
    this.answer(this.#tower.mourn(this.group as ThreadGroup, this.pluginId, error));
  }
}

class ThreadPool implements Pool {
  readonly #clock: Clock;
  readonly #remotes: ReadonlyMap<string, RemoteConfig>;
  readonly #flags: SiteFlags;
  readonly #blocked: Blocked;
  readonly #wire = new WireBoard();
  #wireRules: readonly PlacedRule[] = [];
  readonly #placement: Placement;
  readonly #flights = new Map<Job, Flight>();
  readonly #tower: Tower = {
    now: () => this.#clock.now(),
    landed: ({ job }) => this.#flights.delete(job),
    wentWell: (pluginId) => this.#blocked.wentWell(pluginId),
    mourn: (group, pluginId, error) => this.#mourn(group, pluginId, error),
  };
  readonly #timer: NodeJS.Timeout;
  readonly #hide: (text: string) => string;
  readonly #pluginPlaces: ReadonlyMap<string, string>;
  readonly #silentMsMax: number;
  #closing: Promise<void> | undefined;

  constructor(options: ThreadPoolOptions) {
    const { remotes, siteIds, threads, heapMbMax = threadHeapMbMax } = options;
    const silentMsMax = options.silentMsMax ?? threadSilentMsMax;
    const offset = clockOffsetMs();
    this.#clock = systemClock(offset);
    this.#silentMsMax = silentMsMax;
    this.#remotes = new Map(remotes.map((remote) => [remote.id, remote]));
    this.#flags = new SiteFlags(siteIds);
    this.#blocked = new Blocked(this.#clock, options.coolDownMs);
    this.#pluginPlaces = options.pluginPlaces ?? new Map();
    // A thread's words may quote anything of a configuration that only plugins can read.
    this.#hide = scrubberOf(
      remotes.flatMap(({ config }) => textsIn(config)),
      '[hidden]',
    ).text;
    const setup = {
      remotes,
      siteIds,
      sites: this.#flags.buffer,
      wire: this.#wire.buffer,
      baseDir: options.baseDir ?? process.cwd(),
      clockOffsetMs: offset,
    };
    this.#placement = new Placement({
      clock: this.#clock,
      startGroup: (kind, pluginId) =>
        new ThreadGroup({
          threads: kind === 'single' ? 1 : threads,
          heapMbMax,
          silentMsMax,
          setup,
          hear: ({ text, dropped }) => options.log?.said(pluginId, this.#hide(text), dropped),
        }),
      probe: (own, pluginId, module) => this.#probe(own, pluginId, module),
    });
    this.#timer = setInterval(() => this.#look(), lookEveryMs(silentMsMax));
  }

  run<J extends Job>(job: J): Promise<ResultOf<J>> {
    const flight = this.#takeOff(job, this.#clock.now() + job.timeoutMs);
    this.#begin(flight);
    return flight.result;
  }

  stage(job: TaskJob, behind: TaskJob): Staged | undefined {
    const place = this.#flights.get(behind)?.place;
    const remote = this.#remotes.get(job.remoteId);
    if (place === undefined || remote === undefined) return undefined;
    const { lane } = place;
    const flight = this.#takeOff(job, Number.POSITIVE_INFINITY);
    flight.group = this.#placement.groupFor(job.remoteId, remote.pluginId);
    const id = lane.ask({ kind: 'job', job, dueMs: 0 }, flight, place.id);
    flight.place = { lane, id };
    return flight;
  }

  #takeOff(asked: Job, dueMs: number): Flight {
    // Flights are known by their jobs; one that is asked for twice at once is two.
    const job = this.#flights.has(asked) ? { ...asked } : asked;
    const { pluginId } = job.kind === 'describe' ? job : (this.#remotes.get(job.remoteId) ?? {});
    const flight = new Flight(job, pluginId ?? '', dueMs, this.#tower);
    this.#flights.set(job, flight);
    return flight;
  }

  setSiteLost(siteId: string, lost: boolean): void {
    this.#flags.set(siteId, lost);
  }

  async setWire(rules: readonly PlacedRule[]): Promise<void> {
    const version = this.#wire.write(rules);
    this.#wireRules = rules;
    const isBehind = () =>
      this.#closing === undefined &&
      [...this.#placement.groups()].some(([, group]) => group.isBehindWire(version));
    await this.#wire.taken(isBehind, lookEveryMs(this.#silentMsMax));
  }

  wireHits(): ReadonlyMap<string, number> {
    const hits = this.#wire.hits(this.#wireRules.length);
    return new Map(this.#wireRules.map(({ name }, at) => [name, hits[at] as number]));
  }

  struck(): readonly Struck[] {
    return struckIn(this.#flights.values());
  }

  health() {
    const groups = [...this.#placement.groups()];
    return {
      threads: groups.reduce((sum, [, group]) => sum + group.threads, 0),
      inFlight: this.#flights.size,
      blocked: this.#blocked.now(),
    };
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#placement.groups()].map(([, group]) => group.close()));
      // Until here it has kept the process alive for whoever waits for an answer.
      clearInterval(this.#timer);
      for (const flight of this.#flights.values()) flight.answer(poolClosed);
    })();
    return this.#closing;
  }

  #begin(flight: Flight): void {
    const { job } = flight;
    const remote = job.kind === 'describe' ? job : this.#remotes.get(job.remoteId);
    const refusal = this.#refusal(job, remote?.pluginId);
    if (refusal !== undefined) flight.answer(refusal);
    if (refusal !== undefined || remote === undefined) return;
    const { pluginId, module } = remote;
    const known = this.#placement.describe(pluginId, module);
    if (!(known instanceof Promise)) this.#dispatch(flight, pluginId, known);
    else void known.then((probed) => this.#dispatch(flight, pluginId, probed));
  }

  /** Why the job is not even begun. */
  #refusal(job: Job, pluginId: string | undefined): JobFault | undefined {
    if (this.#closing !== undefined) return poolClosed;
    if (pluginId === undefined) return unknownRemote((job as RemoteJob).remoteId);
    const blocked = this.#blocked.why(pluginId);
    if (blocked === undefined) return undefined;
    return this.#faultOfPlugin(pluginId, pluginBlocked(blocked));
  }

  #dispatch(flight: Flight, pluginId: string, probed: ProbeResult): void {
    const { job, dueMs } = flight;
    if ('fault' in probed) flight.answer(this.#faultOfPlugin(pluginId, probed.fault));
    else if (job.kind === 'describe') flight.answer(describedOf(probed));
    else {
      const group = this.#placement.groupFor(job.remoteId, pluginId);
      flight.group = group;
      if (group.inFlight >= group.inFlightMax) flight.answer(poolFull(group.inFlightMax));
      else flight.place = group.run({ kind: 'job', job, dueMs }, flight);
    }
  }

  #probe(group: ThreadGroup, pluginId: string, module: string): Promise<ProbeResult> {
    return new Promise((resolve) => {
      group.run(
        { kind: 'probe', pluginId, module },
        {
          answered: (text) => resolve(JSON.parse(text) as ProbeResult),
          failed: (error) => resolve({ fault: this.#died(group, pluginId, error) }),
        },
      );
    });
  }

  /** Answers for one of the jobs that a thread took with it. */
  #mourn(group: ThreadGroup, pluginId: string, error: unknown): JobFault {
    return this.#faultOfPlugin(pluginId, this.#died(group, pluginId, error));
  }

  #faultOfPlugin(pluginId: string, fault: Fault): JobFault {
    const whole = fault.owner === 'plugin';
    const place = whole ? this.#pluginPlaces.get(pluginId) : undefined;
    return { kind: 'fault', fault: atEntry(fault, place) };
  }

  #died(group: ThreadGroup, pluginId: string, error: unknown): Fault {
    if (this.#closing !== undefined) return poolClosed.fault;
    const words = this.#hide(error instanceof Error ? error.message : String(error));
    this.#reap(pluginId, group, `ended its thread: ${words}`);
    const { how, onPurpose } = group.lastDeath;
    return (onPurpose ? workerLost(words) : pluginCrashed(pluginId, how)).fault;
  }

  /** A plugin that has ended a thread is not called for a while. */
  #reap(pluginId: string, group: ThreadGroup, how: string): void {
    for (const death of group.reap(how)) {
      if (!death.onPurpose) this.#blocked.strike(pluginId, death.how);
    }
  }

  #look(): void {
    for (const [pluginId, group] of this.#placement.groups()) {
      group.look();
      this.#reap(pluginId, group, 'ended its thread');
    }
    const late = this.#clock.now() - graceMsMax - this.#silentMsMax;
    for (const flight of this.#flights.values()) {
      if (flight.dueMs > late) continue;
      const { job, pluginId } = flight;
      if (job.kind !== 'describe') flight.answer(overdue(job.remoteId));
      else flight.answer(this.#faultOfPlugin(pluginId, loadOverdue(pluginId, job.timeoutMs)));
    }
  }
}

const describedOf = ({ description, misconfigured }: Exclude<ProbeResult, { fault: Fault }>) => ({
  ...description,
  misconfigured,
});

const unparcelled = (page: ListingResult, bytes: Uint8Array<ArrayBuffer>): ListingResult => ({
  ...page,
  packed: { ends: page.packed?.ends ?? [], bytes },
});

/** Threads start, and load plugins, when the first job for them comes. */
export const createThreadPool = (options: ThreadPoolOptions): Pool => new ThreadPool(options);
