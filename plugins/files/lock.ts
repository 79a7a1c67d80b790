/**
 * Locks that the kernel gives back. A lock is a socket bound to an abstract name: binding is
 * atomic, and when its holder dies (a process by SIGKILL or a single worker thread) the name
 * is free again at once. A lock file could not promise that: a dead thread's pid lives on.
 *
 * The names are known to one machine (network namespace): an array's directory must not be changed
 * from two machines at once.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { failure } from './faults.ts';
import { lockPollMsMax, lockPollMsMin, lockWaitMsMax } from './limits.ts';

const addressOf = (name: string): string =>
  `\0siteswap-files/${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;

/** The lock, held until it is closed; undefined when somebody else holds it. */
export const tryLock = (name: string): Promise<Server | undefined> =>
  new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('listening', () => resolve(server));
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(addressOf(name));
  });

export const unlock = (held: Server): Promise<void> =>
  new Promise((resolve) => held.close(() => resolve()));

/** How long somebody is ready to wait. */
export interface Patience {
  readonly signal?: AbortSignal;
}

const lock = async (name: string, { signal }: Patience): Promise<Server> => {
  const giveUpAt = performance.now() + lockWaitMsMax;
  for (let delayMs = lockPollMsMin; ; delayMs = Math.min(delayMs * 2, lockPollMsMax)) {
    if (signal?.aborted) throw failure('interrupted', `given up while waiting for ${name}`);
    const held = await tryLock(name);
    if (held !== undefined) return held;
    if (performance.now() > giveUpAt) {
      throw failure('busy', `${name} has been in use for ${lockWaitMsMax} ms`, {
        hint: 'A large copy may be under way; repeat later.',
      });
    }
    await sleep(delayMs);
  }
};

/**
 * Runs `body` while holding the locks. Always taken in the same order: no two can wait in a ring.
 */
export const withLocks = async <T>(
  names: readonly string[],
  patience: Patience,
  body: () => Promise<T>,
): Promise<T> => {
  const held: Server[] = [];
  try {
    for (const name of [...new Set(names)].sort()) held.push(await lock(name, patience));
    return await body();
  } finally {
    await Promise.all(held.map(unlock));
  }
};

/** True while somebody holds the lock. */
export const isLocked = async (name: string): Promise<boolean> => {
  const held = await tryLock(name);
  if (held === undefined) return true;
  await unlock(held);
  return false;
};
