import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  checksumOfDevice,
  countHeartbeats,
  countLoss,
  readAcknowledged,
  readHeartbeats,
  runningVms,
  writeAs,
} from '@siteswap/plugin-files/inspect';
import test, { type ExecutionContext } from 'ava';
import {
  evidenceOf,
  fingerprintOf,
  g1,
  makeSites,
  type Remote,
  type Sites,
  scribble,
  until,
  wordOf,
} from '../_support/files.ts';

const vm = { id: 'vm1', instance: 'production' } as const;

const sitesFor = async (t: ExecutionContext): Promise<Sites> => {
  const sites = await makeSites();
  t.teardown(sites.close);
  return sites;
};

const bringUp = async (t: ExecutionContext, compute: Remote): Promise<void> => {
  for (const device of ['d1', 'd2']) {
    const datastore = { id: `ds-${device}`, instance: 'production' } as const;
    t.is(wordOf(await compute.done('mount', datastore)), 'ok');
  }
  t.is(wordOf(await compute.done('register', vm)), 'ok');
  t.is(wordOf(await compute.done('powerOn', vm)), 'ok');
};

const lineageAt = async (remote: Remote, side: 'a' | 'b'): Promise<string | undefined> => {
  const answer = await remote.call('deviceStatus', g1[side]);
  return 'value' in answer ? answer.value[0]?.lineage : undefined;
};

test('forced failover: the source is there → untouched, and a new lineage opens', async (t) => {
  const sites = await sitesFor(t);
  const before = await fingerprintOf(sites.directory.a);
  const old = await lineageAt(sites.a, 'a');
  const promoted = await sites.b.done('failover', g1.b, { force: true });
  t.is(wordOf(promoted), 'ok');
  t.not(evidenceOf(promoted).lineage, old);
  t.is(await fingerprintOf(sites.directory.a), before);
});

test('forced failover: the source is gone → VMs run on the last recovery point', async (t) => {
  const sites = await sitesFor(t);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await sites.a.done('sync', g1.a)), 'ok');
  await rename(sites.directory.a, `${sites.directory.a}-lost`);
  t.is(wordOf(await sites.a.done('sync', g1.a)), 'unreachable');
  t.is(wordOf(await sites.computeA.done('register', vm)), 'unreachable');
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: false })), 'conflict');
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: true })), 'ok');
  await bringUp(t, sites.computeB);
  await until(async () => (await runningVms(sites.compute.a)).length === 0);
  const boots = readAcknowledged([sites.compute.a, sites.compute.b], 'vm1');
  const loss = countLoss(boots);
  t.is(loss.boots, 2);
  t.is(loss.lost, (boots[0]?.last ?? 0) - (boots[1]?.resumedAt ?? 0));
  t.is(loss.duplicates, 0);
});

test('forced failover twice → one lineage', async (t) => {
  const { b } = await sitesFor(t);
  const first = evidenceOf(await b.done('failover', g1.b, { force: true }));
  const second = evidenceOf(await b.done('failover', g1.b, { force: true }));
  t.is(second.lineage, first.lineage);
});

test('old source back with a live writer → reverse ends it, moves the difference', async (t) => {
  const sites = await sitesFor(t);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await sites.a.done('sync', g1.a)), 'ok');
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: true })), 'ok');
  await bringUp(t, sites.computeB);
  await sleep(50);
  t.is((await runningVms(sites.compute.a)).length, 1);
  const reversed = await sites.b.done('reverse', g1.b);
  t.is(wordOf(reversed), 'ok', JSON.stringify(reversed));
  await until(async () => (await runningVms(sites.compute.a)).length === 0);
  t.is((await runningVms(sites.compute.b)).length, 1);
  const moved = Number(evidenceOf(reversed).blocksMoved);
  t.true(moved > 0 && moved < 64, `${moved} of 256 blocks`);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'conflict');
  t.is(wordOf(await sites.computeB.done('shutDown', vm)), 'ok');
  t.is(wordOf(await sites.b.done('sync', g1.b)), 'ok');
  const a = { directory: sites.directory.a, groupId: 'g1' };
  const b = { directory: sites.directory.b, groupId: 'g1' };
  t.is(await checksumOfDevice(a, 'd1'), await checksumOfDevice(b, 'r1'));
  const counted = countHeartbeats(await readHeartbeats(a, 'vm1'));
  t.is(counted.missing, 0);
  t.is(counted.doubleWriters, 0);
});

test('reverse: 4 blocks written since the failover → 4 blocks moved', async (t) => {
  const sites = await sitesFor(t);
  t.is(wordOf(await sites.a.done('prepareFailover', g1.a)), 'ok');
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: false })), 'ok');
  await scribble(sites.directory.b, 'r2', 4);
  t.is(evidenceOf(await sites.b.done('reverse', g1.b)).blocksMoved, 4);
  const status = await sites.b.call('deviceStatus', g1.b);
  t.like('value' in status && status.value[0], { direction: 'outgoing', access: 'read-write' });
});

test('fence at the returned source → its writer ends, writes are refused', async (t) => {
  const sites = await sitesFor(t);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  const old = await lineageAt(sites.a, 'a');
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: true })), 'ok');
  t.like(evidenceOf(await sites.a.done('fence', g1.a)), { fenced: true });
  const lastAtFence = readAcknowledged([sites.compute.a], 'vm1')[0]?.last;
  await until(async () => (await runningVms(sites.compute.a)).length === 0);
  t.is(readAcknowledged([sites.compute.a], 'vm1')[0]?.last, lastAtFence);
  t.is(await writeAs(sites.directory.a, 'd1', old), 'refused');
  t.is(await writeAs(sites.directory.b, 'r1', old), 'refused');
  t.is(await writeAs(sites.directory.b, 'r1'), 'written');
  t.is(wordOf(await sites.a.done('sync', g1.a)), 'fenced');
  t.is(wordOf(await sites.a.done('prepareFailover', g1.a)), 'fenced');
  t.is(wordOf(await sites.a.done('resync', g1.a, { changes: 'keep' })), 'fenced');
  const held = await checksumOfDevice({ directory: sites.directory.a, groupId: 'g1' }, 'd1');
  const kept = await sites.b.done('resync', g1.b, { changes: 'keep' });
  t.is(wordOf(kept), 'ok', JSON.stringify(kept));
  const b = await checksumOfDevice({ directory: sites.directory.b, groupId: 'g1' }, 'r1');
  t.is(await checksumOfDevice({ directory: sites.directory.a, groupId: 'g1' }, 'd1'), b);
  t.not(b, held);
  const points = await sites.a.call('recoveryPoints', g1.a);
  const name = `snapshot:${evidenceOf(kept).snapshot}`;
  t.true('value' in points && points.value.some(({ id }) => id === name));
  const again = await sites.b.done('resync', g1.b, { changes: 'discard' });
  const left = await sites.a.call('recoveryPoints', g1.a);
  const gone = `snapshot:${evidenceOf(again).snapshot}`;
  t.false('value' in left && left.value.some(({ id }) => id === gone));
});

test('a writer of an old lineage, where a new one counts → ends itself, fenced', async (t) => {
  const sites = await sitesFor(t);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  const file = join(sites.directory.a, 'groups', 'g1', 'state.json');
  const state = JSON.parse(await readFile(file, 'utf8'));
  await writeFile(`${file}.new`, JSON.stringify({ ...state, lineage: '2-00000000' }));
  await rename(`${file}.new`, file);
  await until(async () => (await runningVms(sites.compute.a)).length === 0);
  const left = join(sites.compute.a, 'vms', 'production', 'vm1', 'process.json');
  t.regex(JSON.parse(await readFile(left, 'utf8')).reason, /^fenced/);
});

test('restore of a demote while the peer is promoted → conflict: two would write', async (t) => {
  const { a, b } = await sitesFor(t);
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'ok');
  t.is(wordOf(await b.done('failover', g1.b, { force: false })), 'ok');
  t.is(wordOf(await a.done('restoreReplication', g1.a)), 'conflict');
  t.is(wordOf(await b.done('restoreReplication', g1.b)), 'ok');
  t.is(wordOf(await a.done('restoreReplication', g1.a)), 'ok');
  t.is(wordOf(await a.done('sync', g1.a)), 'ok');
});

test('restore of a promote that was written to → conflict, the bytes are kept', async (t) => {
  const { b, directory } = await sitesFor(t);
  t.is(wordOf(await b.done('failover', g1.b, { force: true })), 'ok');
  t.is(await writeAs(directory.b, 'r1'), 'written');
  t.is(wordOf(await b.done('restoreReplication', g1.b)), 'conflict');
  t.is(await writeAs(directory.b, 'r1'), 'written');
});

test('unforced failover: the replica lacks bytes of its source → conflict', async (t) => {
  const { a, b, directory } = await sitesFor(t);
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'ok');
  await scribble(directory.a, 'd1', 1);
  t.is(wordOf(await b.done('failover', g1.b, { force: false })), 'conflict');
  t.is(wordOf(await a.done('sync', g1.a)), 'ok');
  t.is(wordOf(await b.done('failover', g1.b, { force: false })), 'ok');
});
