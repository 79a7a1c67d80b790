/**
 * The one place that wires a front: a balancer of its own, which speaks the contract, drives
 * nothing, and passes requests on to the members through their queues. Source: US 10,075,514.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { frontServices } from './api/front-services.ts';
import { createServer } from './api/server.ts';
import { Asker } from './cluster/asker.ts';
import type { Queues } from './cluster/queues.ts';
import type { DaemonConfig } from './config.ts';
import { createFeed } from './feed/feed.ts';
import { tellHeld } from './held.ts';
import { type Journal, JournalError } from './journal/journal.ts';
import type { Shared } from './journal/shared.ts';
import { createLog } from './log.ts';
import { Watching } from './runner/watching.ts';
import { openJournal, openQueues } from './stores.ts';
import { version } from './version.ts';
import { systemClock } from './workers/system-clock.ts';

export interface Front {
  /** Where it listens; the first is the one to tell people. */
  readonly addresses: readonly string[];
  /** Ends calls and watches, and lets go of the database. */
  stop(): Promise<void>;
}

/** Between two looks whether any member is alive. */
const lookMs = 500;

/** Without members nothing can be passed on: health says so. */
const membersOf = (queues: Queues) => {
  const closing = new AbortController();
  const { signal } = closing;
  const seen = { alive: false };
  const look = async (): Promise<void> => {
    seen.alive = (await queues.alive().catch(() => [])).length > 0;
  };
  const looking = (async () => {
    while (!signal.aborted) {
      await look();
      await delay(lookMs, undefined, { signal }).catch(() => {});
    }
  })();
  const close = async (): Promise<void> => {
    closing.abort();
    await looking;
  };
  return { seen, close };
};

/** The journal that the members share. */
const openShared = async (config: DaemonConfig): Promise<Journal & { readonly shared: Shared }> => {
  if (config.postgres === undefined) {
    const message =
      `${config.file} names no database: a front passes requests on to members, which share ` +
      'one. Add `journal: { postgres: … }`, or ask the daemon itself.';
    throw new JournalError('unreachable', message);
  }
  return (await openJournal(config)) as Journal & { readonly shared: Shared };
};

export interface FrontOptions {
  /** Who asks for a run asks the member that drives it alone, as long as it answers. */
  readonly direct?: boolean | undefined;
}

/** Rejects with JournalError or SiteswapError (ADDRESS_INVALID, ADDRESS_IN_USE). */
export const createFront = async (
  config: DaemonConfig,
  { direct = false }: FrontOptions = {},
): Promise<Front> => {
  const log = createLog(config);
  const clock = systemClock();
  const closers: (() => Promise<void> | void)[] = [() => log.close()];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const journal = await openShared(config);
    closers.push(() => journal.close());
    closers.push(tellHeld(journal, clock, log.logger));
    const trouble = (message: string) => log.logger.warn({ words: [message] }, 'queues');
    const queues = await openQueues(config, journal, trouble);
    closers.push(() => queues.close());
    const feed = createFeed(journal, clock);
    const watching = await Watching.open({ journal, feed, clock });
    const asker = new Asker({ queues, clock, direct });
    const members = membersOf(queues);
    closers.push(
      () => members.close(),
      () => asker.close(),
      () => watching.close(),
    );
    const passed = {
      asker,
      watching: {
        watchRun: watching.watch.bind(watching),
        describeRun: watching.describe.bind(watching),
      },
    };
    const held = () => journal.health().held || !members.seen.alive;
    const addresses: string[] = [];
    for (const listen of config.listen) {
      const api = createServer({
        services: (calls) => frontServices(passed, calls),
        listen,
        log: log.logger,
        version,
        health: { held, injecting: () => false },
      });
      addresses.push(await api.start());
      closers.push(() => api.stop());
    }
    closers.push(() => feed.close());
    return { addresses, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
