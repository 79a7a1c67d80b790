/**
 * How a plugin reaches a remote behind a TCP or unix socket. `open` is handed a `connect` whose
 * connections pass the daemon's gateway, so that what a network can do to them can be rehearsed;
 * the one exported here passes nothing, for a plugin's own tests.
 */
import { connect as dial } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WireParts, WireStream } from './wire/stream.ts';

/** Where a remote listens. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

/**
 * A connected stream. Rejects as `node:net` does, with a `code` such as `ECONNREFUSED`; when
 * `signal` aborts, the stream is destroyed.
 */
export type Connect = (address: Address, signal?: AbortSignal) => Promise<Duplex>;

const refused = (address: Address): Error => {
  const where = 'path' in address ? address.path : `${address.host}:${address.port}`;
  return Object.assign(new Error(`connect ECONNREFUSED ${where}`), { code: 'ECONNREFUSED' });
};

/** Makes the `connect` of one remote. */
export const connectorOf = (remoteId: string, parts: WireParts): Connect => {
  let count = 0;
  return (address, signal) =>
    new Promise((resolve, reject) => {
      const down = parts.rules().find(({ toxic }) => toxic.toxic === 'down');
      if (down !== undefined) {
        parts.hit(down.name);
        return reject(refused(address));
      }
      if (signal?.aborted) return reject(signal.reason as Error);
      const socket = dial({ ...address, allowHalfOpen: true });
      socket.once('error', reject);
      const giveUp = (): void => {
        socket.destroy(signal?.reason as Error);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      socket.once('close', () => signal?.removeEventListener('abort', giveUp));
      socket.once('connect', () => {
        socket.off('error', reject);
        count += 1;
        resolve(new WireStream(socket, `${remoteId}#${count}`, parts));
      });
    });
};

const none: ReturnType<WireParts['rules']> = [];

/** Nothing is ever on. */
const clear: WireParts = {
  rules: () => none,
  watch: () => () => {},
  fraction: () => 0,
  hit: () => {},
};

/** A connection that no gateway watches over. */
export const connect: Connect = connectorOf('', clear);
