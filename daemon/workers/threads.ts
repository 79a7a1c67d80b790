/**
 * The pool of worker threads. The main thread never runs plugin code: it places jobs, watches the
 * threads, and answers for those that ended. Each plugin has threads of its own: what it does to
 * them is its own affair; it is not called for a while, and all others go on.
 */
import type { Clock } from '../core/clock.ts';
import type { PlacedRule } from '../gateway/wire.ts';
import type { RemoteConfig } from '../host/remote.ts';
import { scrubberOf, textsIn } from '../host/scrub.ts';
import { Blocked } from './blocked.ts';
import type { RemoteJob } from './execute.ts';
import {
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
  TaskJob,
} from './pool.ts';
import { SiteFlags } from './site-flags.ts';
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

/** A job whose answer somebody waits for. */
interface Flight {
  readonly job: Job;
  /** For ever, while it is staged. */
  dueMs: number;
  readonly answer: (result: AnyResult | Recalled) => void;
}

class ThreadPool implements Pool {
  readonly #clock: Clock;
  readonly #remotes: ReadonlyMap<string, RemoteConfig>;
  readonly #flags: SiteFlags;
  readonly #blocked: Blocked;
  readonly #wire = new WireBoard();
  #wireRules: readonly PlacedRule[] = [];
  readonly #placement: Placement;
  readonly #flights = new Set<Flight>();
  /** Where the jobs in flight are, as far as they have a lane. */
  readonly #places = new Map<Job, Place>();
  readonly #timer: NodeJS.Timeout;
  readonly #hide: (text: string) => string;
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
    const { flight, result } = this.#takeOff(job, this.#clock.now() + job.timeoutMs);
    this.#begin(flight);
    return result as Promise<ResultOf<J>>;
  }

  stage(job: TaskJob, behind: TaskJob): Staged | undefined {
    const place = this.#places.get(behind);
    const remote = this.#remotes.get(job.remoteId);
    if (place === undefined || remote === undefined || !place.lane.isOpen(place.id)) return;
    const { flight, result } = this.#takeOff(job, Number.POSITIVE_INFINITY);
    const group = this.#placement.groupFor(job.remoteId, remote.pluginId);
    const asker = this.#asker(group, remote.pluginId, flight.answer);
    const { lane } = place;
    const id = lane.ask({ kind: 'job', job, dueMs: 0 }, asker, place.id);
    this.#places.set(job, { lane, id });
    const begun = (): void => {
      flight.dueMs = this.#clock.now() + job.timeoutMs;
    };
    return {
      result: result as Staged['result'],
      begun,
      begin: () => {
        begun();
        lane.begin(id);
      },
      recall: () => lane.recall(id),
    };
  }

  #takeOff(job: Job, dueMs: number) {
    const { promise, resolve } = Promise.withResolvers<AnyResult | Recalled>();
    const flight: Flight = {
      job,
      dueMs,
      answer: (result) => {
        this.#flights.delete(flight);
        this.#places.delete(job);
        resolve(result);
      },
    };
    this.#flights.add(flight);
    return { flight, result: promise };
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
      for (const flight of this.#flights) flight.answer(poolClosed);
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
    return blocked === undefined ? undefined : { kind: 'fault', fault: pluginBlocked(blocked) };
  }

  #dispatch({ job, dueMs, answer }: Flight, pluginId: string, probed: ProbeResult): void {
    if ('fault' in probed) answer({ kind: 'fault', fault: probed.fault });
    else if (job.kind === 'describe') answer(probed.description);
    else {
      const group = this.#placement.groupFor(job.remoteId, pluginId);
      if (group.inFlight >= group.inFlightMax) answer(poolFull(group.inFlightMax));
      else {
        const asker = this.#asker(group, pluginId, answer);
        const place = group.run({ kind: 'job', job, dueMs }, asker);
        if (place !== undefined) this.#places.set(job, place);
      }
    }
  }

  #asker(group: ThreadGroup, pluginId: string, answer: Flight['answer']): Asker {
    return {
      answered: (text, bytes) => {
        this.#blocked.wentWell(pluginId);
        const result = JSON.parse(text) as AnyResult;
        answer(bytes === undefined ? result : unparcelled(result as ListingResult, bytes));
      },
      failed: (error) => answer(this.#mourn(group, pluginId, error)),
    };
  }

  #probe(group: ThreadGroup, pluginId: string, module: string): Promise<ProbeResult> {
    return new Promise((resolve) => {
      group.run(
        { kind: 'probe', pluginId, module },
        {
          answered: (text) => resolve(JSON.parse(text) as ProbeResult),
          failed: (error) => resolve({ fault: this.#mourn(group, pluginId, error).fault }),
        },
      );
    });
  }

  /** Answers for one of the jobs that a thread took with it. */
  #mourn(group: ThreadGroup, pluginId: string, error: unknown): JobFault {
    if (this.#closing !== undefined) return poolClosed;
    const words = this.#hide(error instanceof Error ? error.message : String(error));
    this.#reap(pluginId, group, `ended its thread: ${words}`);
    const { how, onPurpose } = group.lastDeath;
    return onPurpose ? workerLost(words) : pluginCrashed(pluginId, how);
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
    for (const flight of this.#flights) {
      if (flight.dueMs > late) continue;
      this.#flights.delete(flight);
      flight.answer(overdue('remoteId' in flight.job ? flight.job.remoteId : flight.job.pluginId));
    }
  }
}

const unparcelled = (page: ListingResult, bytes: Uint8Array<ArrayBuffer>): ListingResult => ({
  ...page,
  packed: { ends: page.packed?.ends ?? [], bytes },
});

/** Threads start, and load plugins, when the first job for them comes. */
export const createThreadPool = (options: ThreadPoolOptions): Pool => new ThreadPool(options);
