/**
 * Where the daemon listens. There is no authentication yet, so it listens only where the operating
 * system decides who comes in: a unix socket of its owner, or loopback TCP.
 */
import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { SiteswapError } from '../core/errors.ts';
import { probeMsMax } from './limits.ts';

/** Checked by the configuration: an absolute path, or a loopback host. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const invalid = (text: string, why: string): SiteswapError =>
  new SiteswapError('ADDRESS_INVALID', `cannot listen at ${text}: ${why}`, { subject: text });

const inUse = (text: string): SiteswapError =>
  new SiteswapError('ADDRESS_IN_USE', `another process listens at ${text}`, { subject: text });

/** A socket file outlives a killed daemon and looks like a live one: only connecting tells. */
const answers = (path: string): Promise<boolean> =>
  new Promise((found) => {
    const socket = connect(path);
    const end = (live: boolean) => () => {
      socket.destroy();
      found(live);
    };
    socket.setTimeout(probeMsMax, end(true));
    socket.once('connect', end(true));
    // Only a refused connection proves that nobody is there.
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code !== 'ECONNREFUSED')());
  });

const makeWay = async (path: string): Promise<void> => {
  const folder = dirname(path);
  if (!existsSync(folder)) throw invalid(`unix:${path}`, `there is no folder ${folder}`);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw invalid(`unix:${path}`, 'a file that is no socket stands there');
  if (await answers(path)) throw inUse(`unix:${path}`);
  unlinkSync(path);
};

/** grpc-js counts addresses, and Node says again that it was to listen: the cause is left. */
const causeOf = (message: string): string =>
  (/\[(.*)\]$/.exec(message)?.[1] ?? message).replace(/^listen /, '');

const bind = (server: Server, target: string): Promise<number> =>
  new Promise((bound, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) bound(port);
      else if (error.message.includes('EADDRINUSE')) reject(inUse(target));
      else reject(invalid(target, causeOf(error.message)));
    });
  });

/**
 * Lets `server` listen; answers the address that clients connect to (with the port that
 * was chosen for port 0). Throws ADDRESS_INVALID or ADDRESS_IN_USE.
 */
export const listen = async (server: Server, address: Address): Promise<string> => {
  if (address.kind === 'tcp') {
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    return `${host}:${await bind(server, `${host}:${address.port}`)}`;
  }
  const text = `unix:${address.path}`;
  try {
    await makeWay(address.path);
    await bind(server, text);
    // Before this the umask keeps others out: connecting needs the right to write.
    chmodSync(address.path, 0o600);
  } catch (error) {
    throw error instanceof SiteswapError ? error : invalid(text, (error as Error).message);
  }
  return text;
};
