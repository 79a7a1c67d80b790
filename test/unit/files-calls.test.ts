import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import plugin from '@siteswap/plugin-files';
import { provisionPair } from '@siteswap/plugin-files/provision';
import test, { type ExecutionContext } from 'ava';
import { withLocks } from '../../plugins/files/lock.ts';
import { evidenceOf, g1, makeSites, type Sites, until, wordOf } from '../_support/files.ts';

const sitesFor = async (t: ExecutionContext): Promise<Sites> => {
  const sites = await makeSites();
  t.teardown(sites.close);
  return sites;
};

test('the same key twice: forced failover → one lineage; undone → another', async (t) => {
  const { b } = await sitesFor(t);
  const context = () => b.context('run-1/promote-target/run/1');
  const first = evidenceOf(await b.done('failover', g1.b, { force: true }, context()));
  const again = evidenceOf(await b.done('failover', g1.b, { force: true }, context()));
  t.deepEqual(again, first);
  t.is(wordOf(await b.done('restoreReplication', g1.b)), 'ok');
  const next = evidenceOf(await b.done('failover', g1.b, { force: true }));
  t.not(next.lineage, first.lineage);
  t.is(Number.parseInt(String(next.lineage), 10), Number.parseInt(String(first.lineage), 10) + 1);
});

test('the same key twice: sync → the second call is answered from memory', async (t) => {
  const { a } = await sitesFor(t);
  const context = () => a.context('run-1/sync/run/1');
  const first = await a.done('sync', g1.a, {}, context());
  t.deepEqual(await a.call('sync', g1.a, {}, context()), first);
});

test('a failure is not remembered: failover refused, then done under one key', async (t) => {
  const { a, b } = await sitesFor(t);
  const context = () => b.context('run-1/promote-target/run/1');
  t.is(wordOf(await b.done('failover', g1.b, { force: false }, context())), 'conflict');
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'ok');
  t.is(wordOf(await b.done('failover', g1.b, { force: false }, context())), 'ok');
});

test('a call past its deadline → interrupted, nothing done, settled as absent', async (t) => {
  const { b } = await sitesFor(t);
  const late = b.context('run-1/promote-target/run/1', { deadlineMs: Date.now() - 1 });
  t.is(wordOf(await b.done('failover', g1.b, { force: true }, late)), 'interrupted');
  const settled = await b.settle('failover', g1.b, b.context('run-1/promote-target/run/1'));
  t.is(settled.verdict, 'absent');
});

test('settle where the array does not answer → unknowable, with the reason', async (t) => {
  const { open } = await sitesFor(t);
  const gone = await open('a', { directory: '/nonexistent/siteswap', peers: {} });
  const settled = await gone.settle('sync', g1.a, gone.context());
  t.is(settled.verdict, 'unknowable');
});

test('epochs are of one run: an older one of it → fenced; of another → ok', async (t) => {
  const { a } = await sitesFor(t);
  const under = (key: string, epoch: number) => a.context(key, { epoch });
  t.is(wordOf(await a.done('prepareFailover', g1.a, {}, under('run-1/demote/run/1', 7))), 'ok');
  const undo = under('run-1/demote/undo/1', 6);
  t.is(wordOf(await a.done('restoreReplication', g1.a, {}, undo)), 'fenced');
  t.is(wordOf(await a.done('restoreReplication', g1.a, {}, under('run-2/x/run/1', 1))), 'ok');
});

test('a part of a group → refused, naming the rest; an unknown device → missing', async (t) => {
  const { a } = await sitesFor(t);
  const part = await a.done('prepareFailover', { id: 'g1', devices: ['d1'] });
  t.is(wordOf(part), 'refused');
  t.deepEqual('fault' in part ? part.fault.members : [], ['d2']);
  t.is(wordOf(await a.done('prepareFailover', { id: 'x', devices: ['x'] })), 'missing');
  t.is(
    wordOf(await a.done('prepareFailover', { id: 'a made-up id', devices: ['d1', 'd2'] })),
    'ok',
  );
});

test('a damaged state file → corrupt, and the file is left untouched', async (t) => {
  const { a, directory } = await sitesFor(t);
  const file = join(directory.a, 'groups', 'g1', 'state.json');
  await writeFile(file, '{"format":1,');
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'corrupt');
  t.is(await readFile(file, 'utf8'), '{"format":1,');
  await writeFile(file, '{"format":2}');
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'unsupported');
});

test('a wrong token → refused, and no message says either token', async (t) => {
  const { root, open } = await sitesFor(t);
  const at = (name: string) => ({ id: name, directory: join(root, name), token: 'right-canary' });
  await provisionPair({ source: at('c'), target: at('d'), groups: [] });
  const config = { directory: join(root, 'c'), peers: {}, token: 'wrong-canary' };
  const answer = await (await open('c', config)).call('deviceStatus', g1.a);
  t.is(wordOf(answer), 'refused');
  t.notRegex(JSON.stringify(answer), /canary/);
  const right = await open('c', { ...config, token: 'right-canary' });
  t.is(wordOf(await right.call('deviceStatus', g1.a)), 'missing');
});

test('config: both peers and arrays, a part of a path → refused in words; a typo → refused', (t) => {
  const both = plugin.config.safeParse({ directory: '/x', peers: {}, arrays: {} });
  t.regex(both.error?.issues[0]?.message ?? '', /not both/);
  const part = plugin.config.safeParse({ directory: './x', peers: {} });
  t.like(part.error?.issues[0], { path: ['directory'] });
  t.regex(part.error?.issues[0]?.message ?? '', /write the whole path/);
  t.true(plugin.config.safeParse({ directory: '/x' }).success);
  t.false(plugin.config.safeParse({ directory: '/x', peer: {} }).success);
});

test('a lock whose thread is terminated → the next one gets it', async (t) => {
  const name = `a lock of test ${process.pid}`;
  const module = new URL('../../plugins/files/lock.js', import.meta.url).href;
  const code = `
    const { parentPort } = await import('node:worker_threads');
    const { tryLock } = await import(${JSON.stringify(module)});
    await tryLock(${JSON.stringify(name)});
    parentPort.postMessage('held');
    setInterval(() => undefined, 1000);
  `;
  const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const worker = new Worker(url);
  await new Promise((resolve) => worker.once('message', resolve));
  let entered = false;
  const waiting = withLocks([name], {}, async () => {
    entered = true;
  });
  t.false(entered);
  await worker.terminate();
  await waiting;
  t.true(entered);
});

test('locks: 20 at once on one name → one at a time', async (t) => {
  const name = `another lock of test ${process.pid}`;
  let inside = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, () =>
      withLocks([name], {}, async () => {
        inside++;
        most = Math.max(most, inside);
        await until(() => true);
        inside--;
      }),
    ),
  );
  t.is(most, 1);
});
