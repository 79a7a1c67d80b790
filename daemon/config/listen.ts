/**
 * Where the API listens. It knows no passwords of its own, so it is only ever reachable from this
 * machine: a unix socket that only its owner can open, or a loopback address.
 */
import { isIPv4 } from 'node:net';
import { resolve } from 'node:path';
import type { Finding } from './finding.ts';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  /** Port 0: any free one. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** As it is written. */
export const addressText = (address: ListenAddress): string =>
  address.kind === 'unix' ? `unix:${address.path}` : `${address.host}:${address.port}`;

export const listenForm =
  'unix:PATH, or HOST:PORT with a loopback host (127.0.0.1, [::1], localhost)';

/** The kernel's bound for a socket's path, its terminating zero left out. */
const socketPathBytesMax = process.platform === 'darwin' ? 103 : 107;

/** Paths are relative to `baseDir`. */
export const parseListen = (
  text: string,
  baseDir: string,
): ListenAddress | Omit<Finding, 'path'> => {
  const wrong = (message: string) => ({ message, expected: listenForm });
  if (text.startsWith('unix:')) {
    const path = resolve(baseDir, text.slice('unix:'.length));
    const bytes = Buffer.byteLength(path);
    if (text === 'unix:') return wrong('the path of the socket is missing');
    if (bytes <= socketPathBytesMax) return { kind: 'unix', path };
    return wrong(`${path} has ${bytes} bytes; a socket's path has at most ${socketPathBytesMax}`);
  }
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || host === '') {
    return wrong(`${JSON.stringify(text)} is not an address`);
  }
  if (!isLoopback(host)) {
    return wrong(
      `${JSON.stringify(host)} is not a loopback host: the API does not ask who calls, ` +
        'so it listens only where nobody but this machine can reach it',
    );
  }
  return port <= 65_535 ? { kind: 'tcp', host, port } : wrong(`there is no port ${port}`);
};

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
