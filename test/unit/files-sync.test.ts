import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checksumOfDevice, countHeartbeats, readHeartbeats } from '@siteswap/plugin-files/inspect';
import test, { type ExecutionContext } from 'ava';
import {
  blockBytes,
  evidenceOf,
  g1,
  imageOf,
  makeSites,
  moversOf,
  type Remote,
  type Sites,
  scribble,
  until,
  wordOf,
} from '../_support/files.ts';

const vm = { id: 'vm1', instance: 'production' } as const;

const sitesFor = async (t: ExecutionContext, bytesPerSecondMax?: number): Promise<Sites> => {
  const sites = await makeSites(undefined, bytesPerSecondMax);
  t.teardown(sites.close);
  return sites;
};

const same = async (t: ExecutionContext, { directory }: Sites): Promise<void> => {
  for (const [source, replica] of [
    ['d1', 'r1'],
    ['d2', 'r2'],
  ] as const) {
    t.is(
      await checksumOfDevice({ directory: directory.b, groupId: 'g1' }, replica),
      await checksumOfDevice({ directory: directory.a, groupId: 'g1' }, source),
    );
  }
};

const pointOf = async (remote: Remote): Promise<string | undefined> => {
  const answer = await remote.call('recoveryPoints', g1.b);
  return 'value' in answer ? answer.value[0]?.id : undefined;
};

test('sync: 3 blocks changed on one of two devices → 3 blocks moved, a new point', async (t) => {
  const sites = await sitesFor(t);
  const before = await pointOf(sites.b);
  await scribble(sites.directory.a, 'd1', 3);
  const synced = await sites.a.done('sync', g1.a);
  t.is(evidenceOf(synced).blocksMoved, 3);
  t.is(evidenceOf(synced).bytesMoved, 3 * blockBytes);
  t.is(evidenceOf(synced).recoveryPoint, await pointOf(sites.b));
  t.not(await pointOf(sites.b), before);
  await same(t, sites);
});

test('sync: nothing changed → no block moved', async (t) => {
  const sites = await sitesFor(t);
  t.is(evidenceOf(await sites.a.done('sync', g1.a)).blocksMoved, 0);
});

test('sync: a VM writes to three devices in turn meanwhile → a copy of one moment', async (t) => {
  const ids = ['d1', 'd2', 'd3'];
  const devices = ids.map((id) => ({ id, sizeBytes: 8 * 1024 * 1024 }));
  const sites = await makeSites([{ id: 'g1', devices, vms: [{ id: 'vm1', devices: ids }] }]);
  t.teardown(sites.close);
  const fast = { directory: sites.compute.a, arrays: { a: sites.directory.a }, heartbeatMs: 1 };
  const compute = await sites.open('ca', fast);
  t.is(wordOf(await compute.done('powerOn', vm)), 'ok');
  const bytes = { directory: sites.directory.b, groupId: 'g1' };
  let last = 0;
  for (let round = 0; round < 4; round++) {
    t.is(wordOf(await sites.a.done('sync', { id: 'g1', devices: ids })), 'ok');
    const counted = countHeartbeats(await readHeartbeats(bytes, 'vm1'));
    t.is(counted.first, 1);
    t.is(counted.missing, 0);
    t.true(counted.last > last);
    last = counted.last;
  }
  const status = await compute.call('vmStatus', vm);
  t.is('value' in status && status.value.power, 'on');
});

test('sync: mover killed in mid-copy → the previous point is whole and promotable', async (t) => {
  const sites = await sitesFor(t, 20 * blockBytes);
  const before = await pointOf(sites.b);
  const bytes = { directory: sites.directory.b, groupId: 'g1' };
  const wholeBefore = await checksumOfDevice(bytes, 'r1');
  await scribble(sites.directory.a, 'd1', 50);
  const accepted = await sites.a.call('sync', g1.a);
  t.is(wordOf(accepted), 'accepted');
  const log = join(sites.directory.b, 'groups', 'g1', 'incoming.log');
  await until(async () => (await readFile(log).catch(() => '')).length > 5 * blockBytes);
  for (const pid of moversOf(sites.directory.a)) process.kill(pid, 'SIGKILL');
  await until(() => moversOf(sites.directory.a).length === 0);
  t.is(await pointOf(sites.b), before);
  t.is(await checksumOfDevice(bytes, 'r1'), wholeBefore);
  const promoted = await sites.b.done('failover', g1.b, { force: true });
  t.is(evidenceOf(promoted).recoveryPoint, before);
});

test('sync: mover killed in mid-copy → the next poll finishes it', async (t) => {
  const sites = await sitesFor(t, 100 * blockBytes);
  await scribble(sites.directory.a, 'd1', 50);
  const accepted = await sites.a.call('sync', g1.a);
  await until(() => moversOf(sites.directory.a).length > 0);
  const log = join(sites.directory.b, 'groups', 'g1', 'incoming.log');
  await until(async () => (await readFile(log).catch(() => '')).length > 0);
  for (const pid of moversOf(sites.directory.a)) process.kill(pid, 'SIGKILL');
  const ended = await sites.a.finish('sync', accepted);
  t.is(wordOf(ended), 'ok', JSON.stringify(ended));
  t.is(evidenceOf(ended).blocksMoved, 50);
  await same(t, sites);
});

test('sync: a promote by force in mid-copy → the promoted bytes are left alone', async (t) => {
  const sites = await sitesFor(t, 2_000 * blockBytes);
  await scribble(sites.directory.a, 'd1', 2_000);
  const accepted = await sites.a.call('sync', g1.a);
  const log = join(sites.directory.b, 'groups', 'g1', 'incoming.log');
  await until(async () => (await readFile(log).catch(() => '')).length > 0);
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: true })), 'ok');
  const bytes = { directory: sites.directory.b, groupId: 'g1' };
  const promoted = await checksumOfDevice(bytes, 'r1');
  t.is(wordOf(await sites.a.finish('sync', accepted)), 'conflict');
  t.is(await checksumOfDevice(bytes, 'r1'), promoted);
});

test('replica: a byte rots → failover answers corrupt, resync keep repairs it', async (t) => {
  const sites = await sitesFor(t);
  await scribble(sites.directory.b, 'r2', 1);
  t.is(wordOf(await sites.b.done('testFailoverStart', g1.b)), 'corrupt', 'a test finds it');
  const refused = await sites.b.done('failover', g1.b, { force: true });
  t.is(wordOf(refused), 'corrupt');
  t.deepEqual('fault' in refused ? refused.fault.members : [], ['r2']);
  const repaired = await sites.a.done('resync', g1.a, { changes: 'keep' });
  t.is(evidenceOf(repaired).blocksMoved, 1);
  await same(t, sites);
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: true })), 'ok');
});

test('resync: no room for its snapshot → refused, and the replica can be promoted as before', async (t) => {
  const sites = await sitesFor(t);
  for (let n = 1; n <= 32; n++) {
    t.is(wordOf(await sites.b.done('snapshot', g1.b, { name: `n${n}` })), 'ok');
  }
  const refused = await sites.a.done('resync', g1.a, { changes: 'discard' });
  t.is(wordOf(refused), 'refused');
  t.regex(JSON.stringify(refused), /siteswap snapshots remove g1 --array b/);
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: true })), 'ok');
});

test('replica: a crash while a point’s blocks go in → the next use puts them in', async (t) => {
  const sites = await sitesFor(t);
  const stateFile = join(sites.directory.b, 'groups', 'g1', 'state.json');
  const image = imageOf(sites.directory.b, 'r1');
  const [stateBefore, imageBefore] = [await readFile(stateFile, 'utf8'), await readFile(image)];
  const sums = join(sites.directory.b, 'groups', 'g1', 'devices', 'r1.sums');
  const sumsBefore = await readFile(sums);
  await scribble(sites.directory.a, 'd1', 2);
  const { recoveryPoint } = evidenceOf(await sites.a.done('sync', g1.a));
  const after = JSON.parse(await readFile(stateFile, 'utf8'));
  // As a crash would leave it: the state names the point, the log holds its blocks, nothing else.
  const source = await readFile(imageOf(sites.directory.a, 'd1'));
  const { createHash } = await import('node:crypto');
  const records = [64, 65].map((block) => {
    const bytes = source.subarray(block * blockBytes, (block + 1) * blockBytes);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(block, 4);
    const sum = createHash('sha256').update(bytes).digest().subarray(0, 16);
    return Buffer.concat([head, sum, bytes]);
  });
  await writeFile(join(sites.directory.b, 'groups', 'g1', 'incoming.log'), Buffer.concat(records));
  await writeFile(image, imageBefore);
  await writeFile(sums, sumsBefore);
  const applying = { ...after.point, blocks: 2 };
  await writeFile(stateFile, JSON.stringify({ ...JSON.parse(stateBefore), applying }));
  t.is(await pointOf(sites.b), String(recoveryPoint));
  const promoted = await sites.b.done('failover', g1.b, { force: true });
  t.is(evidenceOf(promoted).recoveryPoint, recoveryPoint, JSON.stringify(promoted));
  await same(t, sites);
});

test('sync: suspended → conflict; resumed → ok', async (t) => {
  const { a } = await sitesFor(t);
  t.is(wordOf(await a.done('suspendReplication', g1.a)), 'ok');
  t.is(wordOf(await a.done('sync', g1.a)), 'conflict');
  t.is(wordOf(await a.done('resumeReplication', g1.a)), 'ok');
  t.is(wordOf(await a.done('sync', g1.a)), 'ok');
});

test('sync: while another operation works on the group → busy', async (t) => {
  const { a, directory } = await sitesFor(t, 50 * blockBytes);
  await scribble(directory.a, 'd1', 20);
  const first = await a.call('sync', g1.a);
  t.is(wordOf(await a.call('sync', g1.a)), 'busy');
  t.is(wordOf(await a.finish('sync', first)), 'ok');
});
