/** Serves a lab on a unix socket, to any number of sessions in any number of threads. */
import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { FaultError, fault } from '@siteswap/sdk/plugin';
import type { Lab } from './lab.ts';
import { inlinePort, type Port } from './port.ts';
import { type Asked, hearer, sayer, type Told } from './wire.ts';

export interface LabServer {
  /** Ends all sessions and takes the socket away. */
  close(): Promise<void>;
}

const faultOf = (error: unknown) =>
  error instanceof FaultError
    ? error.fault
    : fault('unknown', `the lab failed: ${error}`, { owner: 'plugin' });

/** One session. A request whose session goes away still has its effect, as at a real remote. */
const attend = (port: Port, socket: Socket): void => {
  const say = sayer<Told>(socket);
  const open = new Map<number, AbortController>();
  const answer = async (n: number, asked: () => unknown): Promise<void> => {
    try {
      say({ n, value: await asked() });
    } catch (error) {
      say({ n, fault: faultOf(error) });
    }
    open.delete(n);
  };
  const hear = (message: Asked): void => {
    if ('givenUp' in message) {
      open.get(message.n)?.abort();
      return;
    }
    const controller = new AbortController();
    open.set(message.n, controller);
    void answer(message.n, () => port.send(message.request, controller.signal));
  };
  socket.on('data', hearer(socket, hear));
  socket.on('error', () => socket.destroy());
};

const isLive = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });

/** Listens on `path`, for this user only. A socket that nobody serves any more is replaced. */
export const serve = async (lab: Lab, path: string): Promise<LabServer> => {
  if (await isLive(path)) throw new Error(`another world is served on ${path}`);
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const port = inlinePort(lab);
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    attend(port, socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
};
