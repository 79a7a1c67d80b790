/**
 * A session's end of a socket to a world of its own. Requests of one turn travel together; a broken
 * connection is made anew by the next request, and what was under way is in doubt.
 */
import type { Duplex } from 'node:stream';
import { type Connect, connect as connectDirectly, FaultError, fault } from '@siteswap/sdk/plugin';
import { givenUp } from './lab.ts';
import type { Port } from './port.ts';
import type { Request } from './requests.ts';
import { type Asked, hearer, sayer, type Told } from './wire.ts';

interface Waiting {
  readonly told: (message: Told) => void;
  readonly lost: () => void;
}

interface Connection {
  readonly socket: Duplex;
  readonly say: (message: Asked) => void;
  readonly waiting: Map<number, Waiting>;
}

const unreachable = (path: string): FaultError =>
  new FaultError(fault('unreachable', `the world on ${path} does not answer`));

const connection = async (path: string, connect: Connect): Promise<Connection> => {
  const socket = await connect({ path }).catch((error: unknown) => {
    throw error instanceof FaultError ? error : unreachable(path);
  });
  const waiting = new Map<number, Waiting>();
  const hear = (message: Told): void => waiting.get(message.n)?.told(message);
  socket.on('data', hearer(socket, hear));
  socket.on('error', () => {});
  socket.once('close', () => {
    for (const { lost } of [...waiting.values()]) lost();
  });
  return { socket, say: sayer(socket), waiting };
};

const exchange = (
  { say, waiting }: Connection,
  n: number,
  request: Request,
  more: { readonly path: string; readonly signal: AbortSignal | undefined },
): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const { path, signal } = more;
    const end = (): void => {
      waiting.delete(n);
      signal?.removeEventListener('abort', giveUp);
    };
    const giveUp = (): void => {
      end();
      say({ n, givenUp: true });
      reject(givenUp());
    };
    const told = (message: Told): void => {
      end();
      if ('fault' in message) reject(new FaultError(message.fault));
      else resolve(message.value);
    };
    const lost = (): void => {
      end();
      reject(unreachable(path));
    };
    waiting.set(n, { told, lost });
    say({ n, request });
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted) giveUp();
  });

/** Connects at the first request, and again after each break. */
export const socketPort = (path: string, connect: Connect = connectDirectly): Port => {
  let made: Promise<Connection> | undefined;
  let numbers = 0;
  const reach = async (): Promise<Connection> => {
    const before = await made?.catch(() => undefined);
    if (before !== undefined && !before.socket.destroyed) return before;
    made = connection(path, connect);
    return made;
  };
  return {
    send: async (request, signal) => {
      const reached = await reach();
      numbers += 1;
      return exchange(reached, numbers, request, { path, signal });
    },
    close: () => {
      void made?.then(
        ({ socket }) => socket.destroy(),
        () => undefined,
      );
    },
  };
};
