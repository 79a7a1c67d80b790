import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import test from 'ava';
import { pino } from 'pino';
import { createApi } from '../../daemon/api/server.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { HealthService } from '../../proto/gen/grpc/health/v1/health.ts';
import { CallError, connect, Serving } from '../../sdk/client/index.ts';
import { addressOf, failure, ownSocket, serve } from '../_support/api.ts';
import { FakeEngine } from '../_support/fake-engine.ts';
import { tempDir } from '../_support/temp.ts';

const start = (listen: string) =>
  createApi({
    engine: new FakeEngine(),
    listen: addressOf(listen),
    log: pino({ level: 'silent' }),
    version: '0',
  }).start();

/** Did a stop have to cut calls? */
const wasForced = (log: readonly Record<string, unknown>[]): boolean =>
  log.some(({ msg }) => msg === 'cut calls that did not end');

test('listen: a unix socket is its owner’s alone, and goes with the server', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  const { api, address, client } = await serve(t, { listen: `unix:${path}` });
  t.is(address, `unix:${path}`);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.is((await client.inventory.sites()).length, 2);
  await api.stop();
  t.false(existsSync(path));
});

test('listen: a socket in use is refused by name, and the first server stays', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  const { client } = await serve(t, { listen: `unix:${path}` });
  const error = await failure(t, start(`unix:${path}`), SiteswapError);
  t.is(error.reason, 'ADDRESS_IN_USE');
  t.is(error.subject, `unix:${path}`);
  t.is(await client.health(), Serving.SERVING);
});

test('listen: a socket that a killed daemon left behind is taken over', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  const dying = "() => process.kill(process.pid, 'SIGKILL')";
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, ${dying})`;
  t.throws(() => execFileSync(process.execPath, ['-e', script]));
  t.true(existsSync(path));
  const { client } = await serve(t, { listen: `unix:${path}` });
  t.is((await client.inventory.sites()).length, 2);
});

test('listen: a file that is no socket is refused and left alone', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  writeFileSync(path, 'precious');
  const error = await failure(t, start(`unix:${path}`), SiteswapError);
  t.is(error.reason, 'ADDRESS_INVALID');
  t.is(statSync(path).size, 8);
});

test('listen: a port in use is refused by name', async (t) => {
  const other = createServer();
  await new Promise<void>((ready) => other.listen(0, '127.0.0.1', ready));
  t.teardown(() => other.close());
  const { port } = other.address() as { port: number };
  const error = await failure(t, start(`127.0.0.1:${port}`), SiteswapError);
  t.is(error.reason, 'ADDRESS_IN_USE');
  t.true(error.message.includes(String(port)));
});

test('listen: a folder that is not there is refused by name', async (t) => {
  const error = await failure(t, start('unix:/no/such/folder/api.sock'), SiteswapError);
  t.is(error.reason, 'ADDRESS_INVALID');
  t.is(error.subject, 'unix:/no/such/folder/api.sock');
});

test('listen: stop ends watches with SHUTTING_DOWN, at once, and refuses new calls', async (t) => {
  const { engine, api, address, client, log } = await serve(t, { listen: await ownSocket(t) });
  const runId = engine.addRun();
  const raw = connect(address);
  t.teardown(() => raw.close());
  const watch = raw.runs.watch(runId, { resumeMsMax: 0 });
  t.is((await watch.next()).value?.cursor, 1);
  await api.stop();
  t.false(wasForced(log));
  const cut = await failure(t, watch.next(), CallError);
  t.is(cut.reason, 'SHUTTING_DOWN');
  const refused = await failure(t, client.inventory.sites(), CallError);
  t.is(refused.reason, 'DAEMON_UNREACHABLE');
  t.is(engine.watches, 1);
});

test('listen: stop ends watches of the health, which nobody has to cut', async (t) => {
  const { api, address, log } = await serve(t);
  const raw = new Client(address, credentials.createInsecure());
  t.teardown(() => raw.close());
  const { path, requestSerialize, responseDeserialize } = HealthService.watch;
  const watches = ['', 'no.such.Service'].map((service) =>
    raw
      .makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service })
      [Symbol.asyncIterator](),
  );
  const next = async () => Promise.all(watches.map(async (watch) => (await watch.next()).value));
  t.like(await next(), [{ status: Serving.SERVING }, { status: Serving.SERVICE_UNKNOWN }]);
  await api.stop();
  t.false(wasForced(log));
  t.like(await next(), [{ status: Serving.NOT_SERVING }, undefined]);
  t.like(await next(), [undefined, undefined]);
});

test('listen: a folder that stands in the socket’s place is refused', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  mkdirSync(path);
  t.is((await failure(t, start(`unix:${path}`), SiteswapError)).reason, 'ADDRESS_INVALID');
});

test('listen: a socket in a folder that is not there → refused, and names the folder', async (t) => {
  const folder = join(await tempDir(t), 'nowhere');
  const error = await failure(t, start(`unix:${join(folder, 'api.sock')}`), SiteswapError);
  t.is(error.reason, 'ADDRESS_INVALID');
  t.true(error.message.endsWith(`there is no folder ${folder}`));
});

test('listen: where nobody may → refused with the cause, said once', async (t) => {
  const error = await failure(t, start('unix:/proc/api.sock'), SiteswapError);
  t.is(error.reason, 'ADDRESS_INVALID');
  t.regex(
    error.message,
    /^cannot listen at unix:\/proc\/api\.sock: E[A-Z]+: [a-z ]+ \/proc\/api\.sock$/,
  );
  t.is(error.message.split('listen').length, 2);
});
