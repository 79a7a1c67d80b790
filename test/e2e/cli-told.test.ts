/** What is told beside an answer, ahead of it, or in its place by a service that is not ours. */
import test from 'ava';
import { runCommandLine } from '../../sdk/cli/command-line.ts';
import { serve } from '../_support/api.ts';
import { paper, siteswap } from '../_support/cli.ts';
import { until } from '../_support/files.ts';

const held = /^! THE JOURNAL IS HELD: .*nothing new is started/m;
const goesOn = /^! the journal takes entries again/m;

test('a device verb → its run is told ahead of its answer', async (t) => {
  const { client, engine } = await serve(t);
  engine.deviceRuns = 'hang';
  const request = { arrayId: 'array-east', targets: [{ id: 'cg-1' }], requester: 'ann' };
  const stop = new AbortController();
  const runId = await new Promise<string>((began, failed) => {
    client.replication.sync(request, { began, signal: stop.signal }).catch(failed);
  });
  t.is(engine.runs.get(runId)?.ended, false);
  stop.abort();
});

test('a held journal → runs says so, to people; the client knows it', async (t) => {
  const { address, client, engine } = await serve(t);
  t.notRegex((await siteswap('runs', '--address', address)).err, held);
  engine.held = true;
  t.regex((await siteswap('runs', '--address', address)).err, held);
  t.is((await siteswap('runs', '--json', '--address', address)).err, '');
  await client.inventory.sites();
  t.true(client.held);
});

test('call: a service that is not ours says its code alone → that code is told', async (t) => {
  const { address } = await serve(t);
  const check = 'grpc.health.v1.Health/Check';
  const asked = await siteswap('call', check, '{"service":"nope"}', '--address', address);
  t.is(asked.exit, 3);
  t.regex(asked.err, /no service is named "nope": there are .*siteswap\.v1\.RunService/);
  t.regex(asked.err, /why +NOT_FOUND\n +next +Correct the request/);
  t.notRegex(asked.err, /call id/);
  const foreign = 'grpc.channelz.v1.Channelz/GetTopChannels';
  const unknown = await siteswap('call', foreign, '--address', address);
  t.is(unknown.exit, 2);
  t.regex(unknown.err, /has no method .*\n +next +Services .*RunService.*grpc\.health\.v1\.Health/);
});

test('call: without a method → those that the daemon says it has; reflection among them', async (t) => {
  const { address } = await serve(t);
  const type = (...args: readonly string[]) => siteswap('call', ...args, '--address', address);
  const reflection = 'grpc.reflection.v1.ServerReflection/ServerReflectionInfo';
  const { exit, out, err } = await type();
  t.deepEqual([exit, err], [0, '']);
  const names = out.trim().split('\n');
  for (const name of [reflection, 'grpc.health.v1.Health/Check', 'RunService/WatchRun']) {
    t.true(names.includes(name), name);
  }
  t.deepEqual(names, [...new Set(names)]);
  t.deepEqual(JSON.parse((await type('--list', '--json')).out), names);

  const asked = JSON.parse((await type(reflection, '{"listServices": ""}')).out);
  const services = new Set(
    names.map((name) => name.split('/')[0]?.replace(/^(?!grpc)/, 'siteswap.v1.')),
  );
  t.deepEqual(
    new Set(asked.listServicesResponse.service.map(({ name }: { name: string }) => name)),
    services,
  );
});

test('the journal becomes held in mid-run → who follows is told, and told of its end', async (t) => {
  const { address, engine } = await serve(t);
  const runId = engine.addRun();
  const page = paper();
  const watching = runCommandLine(['watch', runId, '--address', address], page);
  await until(() => engine.watching > 0);
  t.notRegex(page.err, held);
  engine.held = true;
  await until(() => held.test(page.err));
  engine.held = false;
  await until(() => goesOn.test(page.err));
  engine.finish(runId);
  await watching;
  t.is(page.err.match(/THE JOURNAL IS HELD/g)?.length, 1);
});
