/** A served fake engine with a connected client, both gone when the test ends. */
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { pino } from 'pino';
import type { Address } from '../../daemon/api/listen.ts';
import { type Api, createApi } from '../../daemon/api/server.ts';
import { parseListen } from '../../daemon/config/listen.ts';
import { connect, type SiteswapClient } from '../../sdk/client/index.ts';
import { Secret } from '../../sdk/plugin/config.ts';
import { FakeEngine } from './fake-engine.ts';
import { tempDir } from './temp.ts';

/** Of the role, which the served client has. */
const injectorToken = 'a token for tests only';

export interface Served {
  readonly engine: FakeEngine;
  readonly api: Api;
  readonly address: string;
  readonly client: SiteswapClient;
  /** Log lines so far. */
  readonly log: Record<string, unknown>[];
}

/** An address that is right, as the configuration would read it. */
export const addressOf = (text: string): Address => {
  const address = parseListen(text, '/');
  if ('kind' in address) return address;
  throw new Error(address.message);
};

/** Listens at `listen`; default: a free port. */
export const serve = async (
  t: ExecutionContext,
  {
    engine = new FakeEngine(),
    listen = '127.0.0.1:0',
  }: { engine?: FakeEngine; listen?: string } = {},
): Promise<Served> => {
  const log: Record<string, unknown>[] = [];
  const sink = new Writable({
    write: (line, _encoding, done) => {
      log.push(JSON.parse(String(line)));
      done();
    },
  });
  const api = createApi({
    engine,
    listen: addressOf(listen),
    log: pino({ level: 'debug' }, sink),
    version: '9.9.9',
    injector: new Secret(injectorToken),
  });
  const address = await api.start();
  const client = connect(address, { injectorToken });
  t.teardown(async () => {
    client.close();
    await api.stop();
  });
  return { engine, api, address, client, log };
};

/** For a server that is to be gone: a port of it would be given to the next one that asks. */
export const ownSocket = async (t: ExecutionContext): Promise<string> =>
  `unix:${join(await tempDir(t), 'd.sock')}`;

/** The error that `promise` fails with, as the class that it must be of. */
export const failure = async <E extends Error>(
  t: ExecutionContext,
  promise: Promise<unknown>,
  is: new (...args: never[]) => E,
): Promise<E> => {
  const error = await t.throwsAsync(promise);
  if (error instanceof is) return error;
  throw new Error(`expected ${is.name}, found ${error}`);
};
