import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checksumOfDevice,
  countHeartbeats,
  countLoss,
  type RunningVm,
  readAcknowledged,
  readHeartbeats,
  runningVms,
} from '@siteswap/plugin-files/inspect';
import type { GroupSpec } from '@siteswap/plugin-files/provision';
import test, { type ExecutionContext } from 'ava';
import { g1, makeSites, type Remote, type Sites, until, wordOf } from '../_support/files.ts';

const vm = { id: 'vm1', instance: 'production' } as const;
const testVm = { id: 'vm1', instance: 'test' } as const;

const sitesFor = async (t: ExecutionContext, groups?: readonly GroupSpec[]): Promise<Sites> => {
  const sites = await makeSites(groups);
  t.teardown(sites.close);
  return sites;
};

const theVm = async (directory: string): Promise<RunningVm> => {
  const [found] = await runningVms(directory);
  if (found === undefined) throw new Error('no VM runs');
  return found;
};

const statusOf = async (compute: Remote, target: typeof vm | typeof testVm = vm) => {
  const answer = await compute.call('vmStatus', target);
  return 'value' in answer ? answer.value : undefined;
};

test('a VM switched off and on → goes on where its disks end, nothing lost', async (t) => {
  const { computeA, compute, directory } = await sitesFor(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  const first = await statusOf(computeA);
  await until(async () => ((await statusOf(computeA))?.heartbeat ?? 0) > 10);
  t.is(wordOf(await computeA.done('powerOff', vm)), 'ok');
  const off = await statusOf(computeA);
  t.is(off?.power, 'off');
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  const second = await statusOf(computeA);
  t.not(second?.bootId, first?.bootId);
  t.true((second?.resumedAt ?? 0) >= (off?.heartbeat ?? Number.POSITIVE_INFINITY));
  t.is(wordOf(await computeA.done('shutDown', vm)), 'ok');
  const loss = countLoss(readAcknowledged([compute.a], 'vm1'));
  t.like(loss, { boots: 2, lost: 0, duplicates: 0 });
  t.true(loss.interruptionMsMax > 0);
  const bytes = { directory: directory.a, groupId: 'g1' };
  t.like(countHeartbeats(await readHeartbeats(bytes, 'vm1')), { first: 1, missing: 0 });
});

test('a VM that runs is adopted by a new session: power on again → the same boot', async (t) => {
  const { computeA, compute, directory, open } = await sitesFor(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  const { bootId, pid } = await theVm(compute.a);
  const config = { directory: compute.a, arrays: { a: directory.a } };
  const later = await open('ca', config);
  t.is(wordOf(await later.done('powerOn', vm)), 'ok');
  t.like(await theVm(compute.a), { bootId, pid });
  t.is((await statusOf(later))?.bootId, bootId);
  t.is(wordOf(await later.done('shutDown', vm)), 'ok');
});

test('a process with a recycled pid is not taken for the VM, nor killed', async (t) => {
  const { computeA, compute } = await sitesFor(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await computeA.done('powerOff', vm)), 'ok');
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
  t.teardown(() => stranger.kill('SIGKILL'));
  const file = join(compute.a, 'vms', 'production', 'vm1', 'process.json');
  const left = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(file, JSON.stringify({ ...left, phase: 'running', pid: stranger.pid }));
  t.is((await statusOf(computeA))?.power, 'off');
  t.is(wordOf(await computeA.done('powerOff', vm)), 'ok');
  t.is(stranger.exitCode ?? stranger.signalCode, null);
});

test('power on, 8 calls at once under different keys → one process', async (t) => {
  const { computeA, compute } = await sitesFor(t);
  const answers = await Promise.all(Array.from({ length: 8 }, () => computeA.done('powerOn', vm)));
  t.true(answers.some((answer) => wordOf(answer) === 'ok'));
  t.is((await runningVms(compute.a)).length, 1);
  t.is(countLoss(readAcknowledged([compute.a], 'vm1')).duplicates, 0);
});

test('a guest that will not stop → refused, settled absent; power off ends it', async (t) => {
  const groups: GroupSpec[] = [
    {
      id: 'g1',
      devices: [{ id: 'd1', sizeBytes: 256 * 1024 }],
      vms: [{ id: 'vm1', ignoresShutDown: true }],
    },
  ];
  const { computeA } = await sitesFor(t, groups);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  const soon = computeA.context('run-1/shut-down/run/1', { deadlineMs: Date.now() + 1_000 });
  t.is(wordOf(await computeA.done('shutDown', vm, {}, soon)), 'refused');
  t.is((await computeA.settle('shutDown', vm, computeA.context(soon.key))).verdict, 'absent');
  t.is(wordOf(await computeA.done('powerOff', vm)), 'ok');
  t.is((await statusOf(computeA))?.power, 'off');
});

test('test instances write to the copy alone, while replication goes on', async (t) => {
  const sites = await sitesFor(t);
  const { a, b, computeA, computeB, directory } = sites;
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await a.done('sync', g1.a)), 'ok');
  const replica = { directory: directory.b, groupId: 'g1' };
  const before = await checksumOfDevice(replica, 'r1');
  t.is(wordOf(await b.done('testFailoverStart', g1.b)), 'ok');
  t.is(wordOf(await b.done('testFailoverStart', g1.b)), 'conflict');
  for (const id of ['ds-d1', 'ds-d2']) {
    t.is(wordOf(await computeB.done('mount', { id, instance: 'test' })), 'ok');
  }
  t.is(wordOf(await computeB.done('register', testVm)), 'ok');
  t.is(wordOf(await computeB.done('powerOn', testVm)), 'ok');
  await until(async () => ((await statusOf(computeB, testVm))?.heartbeat ?? 0) > 20);
  t.is(await checksumOfDevice(replica, 'r1'), before);
  t.is(wordOf(await b.done('testFailoverStop', g1.b)), 'conflict');
  t.is(wordOf(await a.done('sync', g1.a)), 'ok');
  t.not(await checksumOfDevice(replica, 'r1'), before);
  t.is(wordOf(await computeB.done('unmount', { id: 'ds-d1', instance: 'test' })), 'conflict');
  t.is(wordOf(await computeB.done('powerOff', testVm)), 'ok');
  t.is(wordOf(await b.done('testFailoverStop', g1.b)), 'ok');
});

test('files in a datastore go with it to the other side', async (t) => {
  const { a, b, computeA, computeB } = await sitesFor(t);
  const file = { id: 'f', datastoreId: 'ds-d1', path: 'vm1/vm1.conf', content: 'memory=4\n' };
  t.is(wordOf(await computeA.done('writeFile', file)), 'ok');
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'ok');
  t.is(wordOf(await computeA.done('writeFile', { ...file, content: 'late' })), 'conflict');
  t.is(wordOf(await b.done('failover', g1.b, { force: false })), 'ok');
  t.is(wordOf(await computeB.done('mount', { id: 'ds-d1', instance: 'production' })), 'ok');
  t.deepEqual(await computeB.call('readFile', file), { id: 'f', value: { content: file.content } });
  t.deepEqual(await computeB.call('listFiles', { ...file, path: 'vm1/' }), {
    id: 'f',
    value: ['vm1/vm1.conf'],
  });
});

for (const synced of [true, false]) {
  test(`a cleanup where no test was, synced ${synced} → what is not there is told apart`, async (t) => {
    const { a, b, computeB } = await sitesFor(t);
    if (synced) t.is(wordOf(await a.done('sync', g1.a)), 'ok');
    t.is(wordOf(await computeB.done('powerOff', testVm)), 'missing');
    t.is(wordOf(await computeB.call('vmStatus', testVm)), 'missing');
    t.is(wordOf(await computeB.done('unregister', testVm)), 'ok');
    t.is(wordOf(await computeB.done('unmount', { id: 'ds-d1', instance: 'test' })), 'ok');
    t.is(wordOf(await b.done('testFailoverStop', g1.b)), 'ok');
  });
}
