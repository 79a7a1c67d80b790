/**
 * Whose wire a socket is on: that of the remote in whose directory it stands, whoever dials it. So
 * what the gateway does to a remote's connections is done to its peer's way to it as well.
 */
import { realpathSync } from 'node:fs';
import { sep } from 'node:path';
import type { Duplex } from 'node:stream';
import { type Connect, connect as directly } from '@siteswap/sdk/plugin';

/** Directory → how its sockets are dialled, of the remotes that have a session in this thread. */
const dials = new Map<string, Connect>();

/** Sockets are dialled where they really stand, whatever leads there. */
const realOf = (directory: string): string => {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
};

export const dialsFor = (directory: string, connect: Connect): void => {
  dials.set(realOf(directory), connect);
};

/** Rejects as `connect` does. Outside a daemon nobody watches over the connection. */
export const dial = (path: string): Promise<Duplex> => {
  for (const [directory, connect] of dials) {
    if (path.startsWith(`${directory}${sep}`)) return connect({ path });
  }
  return directly({ path });
};
