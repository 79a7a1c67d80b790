/**
 * Locks that the kernel gives back. A lock is a socket bound to an abstract name: binding is
 * atomic, and when its holder dies the name is free at once. Names are known to one machine: an
 * array's directory must not be changed from two machines at once.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from './faults.ts';
import { lockWaitMsMax, pollMsMax, pollMsMin } from './limits.ts';

/** A lock that is held until it is given back. */
export interface Lock {
  readonly release: () => Promise<void>;
}

export interface NamedLock extends Lock {
  readonly name: string;
}

const addressOf = (name: string): string =>
  `\0siteswap-qemu/${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;

const bind = (name: string): Promise<Server | undefined> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    // A lock is no reason for a process to live on.
    server.unref();
    server.once('listening', () => resolve(server));
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(addressOf(name));
  });

/** Polls until `look` finds something; undefined when it does not in time, or is aborted. */
export const waitFor = async <T>(
  look: () => Promise<T | undefined>,
  waitMsMax: number,
  signal?: AbortSignal,
  delayMsMax: number = pollMsMax,
): Promise<T | undefined> => {
  const giveUpAt = performance.now() + waitMsMax;
  for (let delayMs = pollMsMin; ; delayMs = Math.min(delayMs * 2, delayMsMax)) {
    const found = await look();
    if (found !== undefined || signal?.aborted || performance.now() > giveUpAt) return found;
    await sleep(delayMs);
  }
};

/** Nothing is under way any more when this throws. */
export const allDone = async (works: readonly (Promise<unknown> | undefined)[]): Promise<void> => {
  for (const ended of await Promise.allSettled(works)) {
    if (ended.status === 'rejected') throw ended.reason;
  }
};

/** A fault is none until somebody needs the value. */
export const whenAsked = <T>(work: Promise<T>): Promise<() => T> =>
  work.then(
    (value) => () => value,
    (error: unknown) => () => {
      throw error;
    },
  );

/** The first of the names that is free. Throws `busy` when none is in time. */
export const lockAnyOf = async (
  names: readonly string[],
  signal?: AbortSignal,
): Promise<NamedLock> => {
  const found = await waitFor(
    async () => {
      for (const name of names) {
        const server = await bind(name);
        if (server !== undefined) return { name, server };
      }
      return undefined;
    },
    lockWaitMsMax,
    signal,
  );
  if (found !== undefined) {
    const { name, server } = found;
    return { name, release: () => new Promise((resolve) => server.close(() => resolve())) };
  }
  if (signal?.aborted) throw failure('interrupted', `given up while waiting for ${names[0]}`);
  throw failure('busy', `${names[0]} has been in use for ${lockWaitMsMax} ms`);
};

/** Runs `body` under the locks, always taken in one order: no two can wait in a ring. */
export const withLocks = async <T>(
  names: readonly string[],
  signal: AbortSignal | undefined,
  body: () => Promise<T>,
): Promise<T> => {
  const held: Lock[] = [];
  try {
    for (const name of [...new Set(names)].sort()) held.push(await lockAnyOf([name], signal));
    return await body();
  } finally {
    await Promise.all(held.map(({ release }) => release()));
  }
};

/** The same, without waiting: undefined when one of them is held. */
export const tryLocks = async <T>(
  names: readonly string[],
  body: () => Promise<T>,
): Promise<T | undefined> => {
  const held: Server[] = [];
  try {
    for (const name of [...new Set(names)].sort()) {
      const server = await bind(name);
      if (server === undefined) return undefined;
      held.push(server);
    }
    return await body();
  } finally {
    await Promise.all(held.map((one) => new Promise((resolve) => one.close(resolve))));
  }
};
