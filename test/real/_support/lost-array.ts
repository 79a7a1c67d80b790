/**
 * Site A is gone: its daemon killed, and somebody else listens at every address that it had.
 * Whoever calls there is counted at the far end, whatever the gateway thinks that it refused.
 */
import { readdir, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Rig } from './qemu.ts';

export interface LostArray {
  /** Connections so far, by address. */
  readonly calls: () => readonly string[];
  /** Calls there, to see that it is counted. */
  readonly call: () => Promise<void>;
  /** Nobody listens there any more: the array can be started again. */
  readonly restore: () => Promise<void>;
}

export const loseArray = async (
  t: ExecutionContext,
  rig: Pick<Rig, 'kill' | 'directory'>,
): Promise<LostArray> => {
  await rig.kill('a');
  const directory = rig.directory('a');
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sock'));
  const calls: string[] = [];
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  for (const name of names) {
    const path = join(directory, name);
    await rm(path, { force: true });
    const server = createServer((socket) => {
      calls.push(name);
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    servers.push(server);
  }
  const restore = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    const ending = servers.splice(0);
    await Promise.all(ending.map((one) => new Promise((resolve) => one.close(resolve))));
  };
  t.teardown(restore);
  t.true(names.length > 1, 'no address of the array is watched');
  const call = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const before = calls.length;
      const socket = connect(join(directory, 'nbd.sock'));
      socket.on('error', reject);
      socket.on('connect', () => {
        const look = (): void => {
          if (calls.length === before) setTimeout(look, 1);
          else resolve();
        };
        look();
      });
      sockets.add(socket);
    });
  return { calls: () => calls, call, restore };
};
