import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { pino } from 'pino';
import { parseAddress } from '../../daemon/api/listen.ts';
import { createApi } from '../../daemon/api/server.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { CallError, connect, Serving } from '../../sdk/client/index.ts';
import { failure, serve } from '../_support/api.ts';
import { FakeEngine } from '../_support/fake-engine.ts';
import { tempDir } from '../_support/temp.ts';

const start = (listen: string) =>
  createApi({
    engine: new FakeEngine(),
    listen,
    log: pino({ level: 'silent' }),
    version: '0',
  }).start();

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

test('listen: an address that was parsed already is taken as it is', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  t.is((await serve(t, { listen: { kind: 'unix', path } })).address, `unix:${path}`);
  const tcp = await serve(t, { listen: { kind: 'tcp', host: 'localhost', port: 0 } });
  t.regex(tcp.address, /^localhost:\d+$/);
  t.is((await tcp.client.inventory.sites()).length, 2);
  t.deepEqual(parseAddress('[::1]:7000'), { kind: 'tcp', host: '::1', port: 7000 });
});

for (const [address, why] of [
  ['0.0.0.0:7000', 'loopback'],
  ['example.com:7000', 'loopback'],
  ['127.0.0.1:70000', 'HOST:PORT'],
  ['nonsense', 'HOST:PORT'],
  ['[::2]:7000', 'loopback'],
  ['unix:', 'missing'],
  [`unix:/tmp/${'x'.repeat(120)}`, '107 bytes'],
  ['unix:/no/such/folder/api.sock', 'ADDRESS_INVALID'],
] as const) {
  test(`listen: ${address.slice(0, 30)} is refused and says ${why}`, async (t) => {
    const error = await failure(t, start(address), SiteswapError);
    t.is(error.reason, 'ADDRESS_INVALID');
    t.true(`${error.reason} ${error.message}`.includes(why), error.message);
  });
}

test('listen: stop ends watches with SHUTTING_DOWN, at once, and refuses new calls', async (t) => {
  const { engine, api, address, client } = await serve(t);
  const runId = engine.addRun();
  const raw = connect(address);
  t.teardown(() => raw.close());
  const watch = raw.runs.watch(runId, { resumeMsMax: 0 });
  t.is((await watch.next()).value?.cursor, 1);
  const started = performance.now();
  await api.stop();
  t.true(performance.now() - started < 4_000, 'a watch does not hold a clean stop up');
  const cut = await failure(t, watch.next(), CallError);
  t.is(cut.reason, 'SHUTTING_DOWN');
  const refused = await failure(t, client.inventory.sites(), CallError);
  t.is(refused.reason, 'DAEMON_UNREACHABLE');
  t.is(engine.watches, 1);
});

test('listen: a folder that stands in the socket’s place is refused', async (t) => {
  const path = join(await tempDir(t), 'api.sock');
  mkdirSync(path);
  t.is((await failure(t, start(`unix:${path}`), SiteswapError)).reason, 'ADDRESS_INVALID');
});
