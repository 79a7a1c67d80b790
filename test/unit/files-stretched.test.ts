/** Stretched groups of the files plugin: one directory, two arrays, one writer of each VM. */
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checksumOfDevice,
  countHeartbeats,
  partSites,
  readAcknowledged,
  readHeartbeats,
  runningVms,
  writeAs,
} from '@siteswap/plugin-files/inspect';
import type { Device } from '@siteswap/sdk/plugin';
import test from 'ava';
import { evidenceOf, fingerprintOf, g1, type Remote, until, wordOf } from '../_support/files.ts';
import { startAt, statusAt, stretchedSites, vm } from '../_support/files-stretched.ts';

const prefer = (remote: Remote, side: 'a' | 'b', siteId: string) =>
  remote.done('setSitePreference', g1[side], { siteId });

const beatAt = async (compute: Remote): Promise<number> => {
  const answer = await compute.call('vmStatus', vm);
  return 'value' in answer ? (answer.value.heartbeat ?? 0) : 0;
};

const reasonAt = async (directory: string): Promise<string> => {
  const file = join(directory, 'vms', 'production', 'vm1', 'process.json');
  return JSON.parse(await readFile(file, 'utf8')).reason ?? '';
};

test('discovery: both arrays list one device, each by its own id, peer of the other', async (t) => {
  const { a, b, shared } = await stretchedSites(t);
  const [atA, atB] = await Promise.all(
    [a, b].map(async (remote) => (await remote.list('discoverDevices')) as Device[]),
  );
  for (const devices of [atA, atB]) {
    t.is(devices?.length, 2);
    t.like(devices?.[0], {
      direction: 'stretched',
      access: 'read-write',
      pairState: 'synchronized',
      updateMode: 'active',
      stretched: true,
      preferredSiteId: 'a',
      groupId: 'g1',
    });
  }
  t.like(atA?.[0], { id: 'd1', peer: { arrayId: 'b', deviceId: 'r1' } });
  t.like(atB?.[0], { id: 'r1', peer: { arrayId: 'a', deviceId: 'd1' } });
  t.is(atA?.[0]?.hostIdentity, join(shared, 'devices', 'd1.img'));
  t.is(atB?.[0]?.hostIdentity, atA?.[0]?.hostIdentity);
});

test('a VM runs once: at one site; a write there is at both', async (t) => {
  const { computeA, computeB, directory, compute } = await stretchedSites(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  t.is(await startAt(computeB), 'conflict');
  await until(async () => (await beatAt(computeA)) > 5);
  t.is(wordOf(await computeA.done('shutDown', vm)), 'ok');
  const seen = (side: 'a' | 'b', id: string) =>
    checksumOfDevice({ directory: directory[side], groupId: 'g1' }, id);
  t.is(await seen('a', 'd2'), await seen('b', 'r2'));
  t.is(await startAt(computeB), 'ok');
  t.is(wordOf(await computeA.done('powerOn', vm)), 'conflict');
  const [, second] = readAcknowledged([compute.a, compute.b], 'vm1');
  t.true((second?.resumedAt ?? 0) > 5);
});

test('preference: kept by both arrays and after a new session; unknown sites refused', async (t) => {
  const sites = await stretchedSites(t);
  t.is(wordOf(await prefer(sites.a, 'a', 'b')), 'ok');
  for (const side of ['a', 'b'] as const) {
    const config = { directory: sites.directory[side], peers: {} };
    const later = await sites.open(side, config);
    t.is((await statusAt(later, side)).preferredSiteId, 'b');
  }
  t.is(wordOf(await prefer(sites.b, 'b', 'a')), 'ok');
  t.is((await statusAt(sites.a, 'a')).preferredSiteId, 'a');
  t.is(wordOf(await prefer(sites.a, 'a', 'c')), 'refused');
});

test('preference: a call under an older epoch → fenced; settled by its key', async (t) => {
  const { a } = await stretchedSites(t);
  const key = 'run-1/switch-site-preference/run/1';
  const newer = a.context(key, { epoch: 2 });
  t.is(wordOf(await a.done('setSitePreference', g1.a, { siteId: 'b' }, newer)), 'ok');
  t.is((await a.settle('setSitePreference', g1.a, newer)).verdict, 'done');
  const undoKey = 'run-1/switch-site-preference/undo/1';
  const old = a.context(undoKey, { epoch: 1 });
  t.is(wordOf(await a.done('setSitePreference', g1.a, { siteId: 'a' }, old)), 'fenced');
  // Who has lost the run is told nothing that it could go on with.
  t.is((await a.settle('setSitePreference', g1.a, old)).verdict, 'unknowable');
  const owner = a.context(undoKey, { epoch: 2 });
  t.is((await a.settle('setSitePreference', g1.a, owner)).verdict, 'absent');
});

test('sites parted: the preferred one goes on, the other acknowledges nothing more', async (t) => {
  const { computeA, computeB, directory, a, b } = await stretchedSites(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await prefer(a, 'a', 'b')), 'ok');
  await partSites(directory.a, 'g1', true);
  t.like(await statusAt(a, 'a'), { access: 'read-only', pairState: 'partitioned' });
  t.like(await statusAt(b, 'b'), { access: 'read-write', direction: 'stretched' });
  t.is(await writeAs(directory.a, 'd1'), 'refused');
  t.is(await writeAs(directory.b, 'r1'), 'written');
  t.is(wordOf(await prefer(a, 'a', 'a')), 'refused');
  t.is(await startAt(computeB), 'conflict', 'its writer only stands still');
  await partSites(directory.a, 'g1', false);
  const before = await beatAt(computeA);
  await until(async () => (await beatAt(computeA)) > before);
});

test('fence: the other side is cut off without a look at its array; its VM ends, fenced', async (t) => {
  const sites = await stretchedSites(t);
  const { a, b, computeA, computeB, compute, directory } = sites;
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  const old = (await statusAt(b, 'b')).lineage;
  await partSites(directory.a, 'g1', true);
  const lost = `${directory.a}-lost`;
  await rename(directory.a, lost);
  const untouched = await fingerprintOf(lost);
  t.is(await startAt(computeB), 'conflict', 'not served here before the fence');
  const fenced = await b.done('fence', g1.b);
  t.is(wordOf(fenced), 'ok');
  t.is(await fingerprintOf(lost), untouched);
  await until(async () => (await runningVms(compute.a)).length === 0);
  t.regex(await reasonAt(compute.a), /^fenced/);
  const now = await statusAt(b, 'b');
  t.not(now.lineage, old);
  t.is(evidenceOf(fenced).lineage, now.lineage);
  t.like(now, { direction: 'outgoing', access: 'read-write', preferredSiteId: 'b' });
  t.is(await startAt(computeB), 'ok');
  await until(async () => (await beatAt(computeB)) > 20);

  await rename(lost, directory.a);
  t.like(await statusAt(a, 'a'), {
    direction: 'incoming',
    access: 'read-only',
    pairState: 'split',
  });
  t.is(await writeAs(directory.a, 'd1', old), 'refused');
  for (const verb of ['fence', 'sync', 'resync'] as const) {
    t.is(wordOf(await a.done(verb, g1.a, { changes: 'keep' })), 'fenced', verb);
  }
  t.is(wordOf(await prefer(a, 'a', 'a')), 'fenced');
  t.is(wordOf(await computeA.done('powerOn', vm)), 'fenced');

  t.is(wordOf(await b.done('resync', g1.b, { changes: 'discard' })), 'ok');
  t.like(await statusAt(a, 'a'), { direction: 'stretched', access: 'read-write' });
  t.is((await statusAt(a, 'a')).lineage, now.lineage);
  // Read at rest: a beat that is written behind the reader's back would seem to be missing.
  t.is(wordOf(await computeB.done('powerOff', vm)), 'ok');
  const beats = await readHeartbeats({ directory: directory.a, groupId: 'g1' }, 'vm1');
  t.like(countHeartbeats(beats), { missing: 0, doubleWriters: 0 });
  t.is(beats.at(-1)?.lineage, now.lineage);
});

test('fence: writers of the side that fences go on, under the new lineage', async (t) => {
  const { a, computeA, directory, compute } = await stretchedSites(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  const fenced = evidenceOf(await a.done('fence', g1.a));
  t.is(evidenceOf(await a.done('fence', g1.a)).lineage, fenced.lineage, 'once is enough');
  const before = await beatAt(computeA);
  await until(async () => (await beatAt(computeA)) > before + 2);
  t.is((await runningVms(compute.a)).length, 1);
  const beats = await readHeartbeats({ directory: directory.a, groupId: 'g1' }, 'vm1');
  t.is(String(fenced.lineage), beats.at(-1)?.lineage ?? '');
});

test('a writer that slept through fence and resync → refused when it wakes', async (t) => {
  const { b, computeA, compute, shared } = await stretchedSites(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  const [sleeper] = await runningVms(compute.a);
  process.kill(sleeper?.pid ?? 0, 'SIGSTOP');
  // Its seat is out of sight, so that nobody can end it in its sleep.
  const seat = join(shared, 'seats', 'production', 'vm1.json');
  await rename(seat, `${seat}.away.tmp`);
  t.is(wordOf(await b.done('fence', g1.b)), 'ok');
  t.is(wordOf(await b.done('resync', g1.b, { changes: 'discard' })), 'ok');
  const last = readAcknowledged([compute.a], 'vm1')[0]?.last ?? 0;
  process.kill(sleeper?.pid ?? 0, 'SIGCONT');
  await until(async () => (await runningVms(compute.a)).length === 0);
  t.regex(await reasonAt(compute.a), /^fenced/);
  t.true((readAcknowledged([compute.a], 'vm1')[0]?.last ?? 0) <= last + 1);
});

test('a group without source and replica refuses the verbs of roles', async (t) => {
  const { a, b } = await stretchedSites(t);
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'refused');
  t.is(wordOf(await b.done('failover', g1.b, { force: true })), 'refused');
  t.is(wordOf(await b.done('restoreReplication', g1.b)), 'refused');
  t.is(wordOf(await a.done('sync', g1.a)), 'ok');
  t.is(wordOf(await b.done('resync', g1.b, { changes: 'keep' })), 'ok');
});

test('test failover: a copy of the moment, seen by the site that asked, beside the VM', async (t) => {
  const { b, computeA, computeB } = await stretchedSites(t);
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await b.done('testFailoverStart', g1.b)), 'ok');
  const instance = 'test';
  for (const id of ['ds-d1', 'ds-d2']) {
    t.is(wordOf(await computeB.done('mount', { id, instance })), 'ok');
  }
  t.is(wordOf(await computeB.done('register', { id: 'vm1', instance })), 'ok');
  t.is(wordOf(await computeB.done('powerOn', { id: 'vm1', instance })), 'ok');
  const before = await beatAt(computeA);
  await until(async () => (await beatAt(computeA)) > before);
  t.is(wordOf(await computeB.done('powerOff', { id: 'vm1', instance })), 'ok');
  t.is(wordOf(await b.done('testFailoverStop', g1.b)), 'ok');
});
