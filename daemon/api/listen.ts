/**
 * Where the daemon listens. There is no authentication yet, so it listens only where the operating
 * system decides who comes in: a unix socket of its owner, or loopback TCP.
 */
import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { type Server, ServerCredentials } from '@grpc/grpc-js';
import { SiteswapError } from '../core/errors.ts';
import { probeMsMax, socketPathBytesMax } from './limits.ts';

/** `unix:PATH`, or `HOST:PORT` with a loopback host. */
export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const invalid = (text: string, why: string): SiteswapError =>
  new SiteswapError('ADDRESS_INVALID', `cannot listen at ${text}: ${why}`, { subject: text });

const inUse = (text: string): SiteswapError =>
  new SiteswapError('ADDRESS_IN_USE', `another process listens at ${text}`, { subject: text });

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/** Text → address; throws ADDRESS_INVALID. */
export const parseAddress = (text: string): Address => {
  if (text.startsWith('unix:')) {
    const given = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (given === '') throw invalid(text, 'the path of the socket is missing');
    const path = resolve(given);
    if (Buffer.byteLength(path) > socketPathBytesMax) {
      throw invalid(text, `a socket's path has at most ${socketPathBytesMax} bytes`);
    }
    return { kind: 'unix', path };
  }
  const [, host, port] = /^\[?([^\]]+)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    throw invalid(text, 'expected unix:PATH or HOST:PORT');
  }
  if (!isLoopback(host)) throw invalid(text, 'only loopback hosts are allowed, such as 127.0.0.1');
  return { kind: 'tcp', host, port: Number(port) };
};

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
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw invalid(`unix:${path}`, 'a file that is no socket stands there');
  if (await answers(path)) throw inUse(`unix:${path}`);
  unlinkSync(path);
};

const bind = (server: Server, target: string): Promise<number> =>
  new Promise((bound, reject) => {
    server.bindAsync(target, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) bound(port);
      else if (error.message.includes('EADDRINUSE')) reject(inUse(target));
      else reject(invalid(target, error.message));
    });
  });

/**
 * Lets `server` listen; answers the address that clients connect to (with the port that
 * was chosen for port 0). Throws ADDRESS_INVALID or ADDRESS_IN_USE.
 */
export const listen = async (server: Server, at: string | Address): Promise<string> => {
  const address = typeof at === 'string' ? parseAddress(at) : at;
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
