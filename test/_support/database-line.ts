/** The way of one member to its database, in the hand of a test: it can be cut, and mended. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DatabaseLine {
  /** In place of the database's own. */
  readonly url: string;
  /** Every connection breaks, and no other one comes about. */
  cut(): void;
  mend(): void;
  /** From now on it leads to another server: connections that stand break. */
  pointAt(url: string): void;
  close(): Promise<void>;
}

/** The name that PostgreSQL gives to its socket, and its clients look for. */
const socketIn = (directory: string): string => join(directory, '.s.PGSQL.5432');

const hostOf = (url: string): string => new URLSearchParams(url.split('?')[1]).get('host') ?? '';

/** `url`: of a database behind a unix socket. */
export const lineTo = async (url: string): Promise<DatabaseLine> => {
  const first = hostOf(url);
  let host = first;
  const directory = await mkdtemp(join(tmpdir(), 'sw-line-'));
  const open = new Set<Socket>();
  let isCut = false;
  const server = createServer((from) => {
    const to = connect(socketIn(host));
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
    }
    if (isCut) return from.destroy();
    from.pipe(to).pipe(from);
  });
  server.listen(socketIn(directory));
  await once(server, 'listening');
  const cut = (): void => {
    isCut = true;
    for (const socket of open) socket.destroy();
  };
  return {
    url: url.replace(encodeURIComponent(first), encodeURIComponent(directory)),
    cut,
    pointAt: (other) => {
      cut();
      host = hostOf(other);
      isCut = false;
    },
    mend: () => {
      isCut = false;
    },
    close: async () => {
      cut();
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
