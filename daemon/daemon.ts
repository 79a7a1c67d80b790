/**
 * The one place that wires. Production, simulation and tests build the same daemon; what differs
 * (time, chance, the journal, the pool) is handed in.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { createApi } from './api/server.ts';
import { MemberLease } from './cluster/lease.ts';
import { addressText } from './config/listen.ts';
import { secretHolder } from './config/secrets.ts';
import type { DaemonConfig } from './config.ts';
import type { Clock } from './core/clock.ts';
import type { Random } from './core/random.ts';
import { createFeed } from './feed/feed.ts';
import { tellHeld } from './held.ts';
import type { Journal } from './journal/journal.ts';
import { createLog, type DaemonLog, pluginLogOf, runLogOf } from './log.ts';
import type { ModeSteps } from './planner/freeze.ts';
import { openRequests, type Requests } from './requests.ts';
import { Draws } from './runner/draws.ts';
import { openEngine, type RunningEngine } from './runner/engine.ts';
import { openJournal, openQueues } from './stores.ts';
import { version } from './version.ts';
import type { Pool } from './workers/pool.ts';
import { systemClock } from './workers/system-clock.ts';
import { createThreadPool } from './workers/threads.ts';

/** What may be handed in; the rest is made as the configuration says. */
export interface DaemonParts {
  readonly journal?: Journal;
  readonly pool?: Pool;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log?: DaemonLog;
  /** Steps of the modes in place of the registry's: benches measure the engine with them. */
  readonly modeSteps?: ModeSteps;
}

export interface Daemon {
  /** Where it listens; the first is the one to tell people. */
  readonly addresses: readonly string[];
  readonly engine: RunningEngine;
  /** Ends calls and watches, lets go of runs (they go on at the next start), closes the journal. */
  stop(): Promise<void>;
}

const chance: Random = {
  id: () => randomBytes(16).toString('hex'),
  fraction: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
};

/** A place among the members that share the journal; undefined: this daemon is alone. */
const joined = async (
  { listen, member: memberId, site }: DaemonConfig,
  { shared }: Journal,
  clock: Clock,
): Promise<MemberLease | undefined> => {
  if (shared === undefined) return undefined;
  const { members } = shared;
  const addresses = listen.map(addressText);
  const lease = new MemberLease({ members, clock, memberId, site, addresses });
  await lease.join();
  return lease;
};

const threadsOf = (config: DaemonConfig, log: DaemonLog): Pool =>
  createThreadPool({
    remotes: config.remotes,
    siteIds: config.sites.map(({ id }) => id),
    threads: config.workers,
    pluginPlaces: new Map(config.plugins.map(({ id, place = '' }) => [id, place])),
    baseDir: dirname(config.file),
    log: pluginLogOf(log),
  });

/** This daemon's ends of the queues beside its journal. */
const requestsOf = async (
  config: DaemonConfig,
  journal: Journal,
  clock: Clock,
  log: DaemonLog,
): Promise<Requests> => {
  const trouble = (message: string) => log.logger.warn({ words: [message] }, 'queues');
  const queues = await openQueues(config, journal, trouble);
  return openRequests({ queues, clock, memberId: config.member, log });
};

/**
 * Opens the journal, picks up what is not ended, and listens. Rejects with JournalError or
 * SiteswapError (ADDRESS_INVALID, ADDRESS_IN_USE); nothing is left open then.
 */
export const createDaemon = async (
  config: DaemonConfig,
  parts: DaemonParts = {},
): Promise<Daemon> => {
  const log = parts.log ?? createLog(config);
  const clock = parts.clock ?? systemClock();
  const journal = parts.journal ?? (await openJournal(config));
  const pool = parts.pool ?? threadsOf(config, log);
  const feed = createFeed(journal, clock);
  const closers: (() => Promise<void> | void)[] = [
    () => log.close(),
    () => journal.close(),
    () => pool.close(),
  ];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  // Virtual time would pass for nothing but these looks.
  if (parts.clock === undefined) closers.push(tellHeld(journal, clock, log.logger));
  try {
    const lease = await joined(config, journal, clock);
    const requests = await requestsOf(config, journal, clock, log);
    closers.push(() => requests.close());
    const { executed, passOn } = requests;
    const engine = await openEngine({
      ...(lease === undefined ? {} : { lease }),
      executed,
      journal,
      pool,
      feed,
      clock,
      random: parts.random ?? chance,
      draws: new Draws(config.injections),
      log: runLogOf(log),
      ownSiteId: config.site,
      sites: config.sites,
      plugins: config.plugins,
      remotes: config.remotes,
      holdsSecret: secretHolder(config.secrets),
      retention: config.retention,
      ...(parts.modeSteps === undefined ? {} : { modeSteps: parts.modeSteps }),
    });
    closers.push(() => engine.close());
    await requests.serve(engine);
    closers.push(() => requests.stop());
    const injector = config.injector === undefined ? {} : { injector: config.injector };
    const shown = { engine, log: log.logger, version, passOn, ...injector };
    const addresses: string[] = [];
    for (const listen of config.listen) {
      const api = createApi({ ...shown, listen });
      addresses.push(await api.start());
      closers.push(() => api.stop());
    }
    closers.push(() => feed.close());
    return { addresses, engine, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
