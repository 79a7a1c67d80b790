/** A VM's disk goes to another datastore while the VM writes; what is sealed there decides. */
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  countHeartbeats,
  countLoss,
  readAcknowledged,
  readHeartbeats,
  runningVms,
  stopVms,
} from '@siteswap/plugin-files/inspect';
import {
  decodeRecord,
  encodeRecord,
  type FoundInstance,
  type MigrationRecord,
  recordPathOf,
} from '@siteswap/sdk/plugin';
import test, { type ExecutionContext } from 'ava';
import {
  evidenceOf,
  makeSites,
  type Remote,
  type Sites,
  until,
  wordOf,
} from '../_support/files.ts';

const sizeBytes = 1024 * 1024;
const groups = [
  { id: 'ga', devices: [{ id: 'da', sizeBytes }], vms: ['vm1'] },
  { id: 'gb', devices: [{ id: 'db', sizeBytes, room: 1 }] },
];
const vm = { id: 'vm1', instance: 'production' as const };
const move = { ...vm, migrationId: 'm-1', fromDatastoreId: 'ds-da', toDatastoreId: 'ds-db' };

const recordOf = (over: Partial<MigrationRecord> = {}): MigrationRecord => ({
  vmId: 'vm1',
  migrationId: 'm-1',
  sequence: 1,
  role: 'destination',
  state: 'in-progress',
  source: 'ds-da',
  destination: 'ds-db',
  disks: ['disk-0'],
  digest: '',
  ...over,
});
const cut = { ...move, record: encodeRecord(recordOf()) };

const running = async (t: ExecutionContext): Promise<Sites> => {
  const sites = await makeSites(groups);
  t.teardown(sites.close);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  return sites;
};

const found = async (remote: Remote, digests = false): Promise<readonly FoundInstance[]> => {
  const answer = await remote.call('findInstances', vm, { digests });
  if (!('value' in answer)) throw new Error(JSON.stringify(answer));
  return answer.value;
};

/** The record that makes the destination the VM. */
const sealed = async (remote: Remote): Promise<MigrationRecord | undefined> => {
  const there = (await found(remote)).find(({ datastoreId }) => datastoreId === 'ds-db');
  const record = decodeRecord(there?.record ?? '');
  return record?.state === 'completed' ? record : undefined;
};

const beats = async ({ computeA }: Sites): Promise<number> => {
  const answer = await computeA.call('vmStatus', vm);
  return 'value' in answer ? (answer.value.heartbeat ?? 0) : 0;
};

const goesOn = async (sites: Sites): Promise<void> => {
  const before = await beats(sites);
  await until(async () => (await beats(sites)) > before + 3);
};

/** At rest: nothing that was acknowledged is lost, and no number was written by two. */
const checkBeats = async (t: ExecutionContext, sites: Sites, groupId: string): Promise<void> => {
  await stopVms(sites.compute.a);
  t.like(countLoss(readAcknowledged([sites.compute.a], 'vm1')), { lost: 0, duplicates: 0 });
  const held = await readHeartbeats({ directory: sites.directory.a, groupId }, 'vm1');
  t.like(countHeartbeats(held), { missing: 0, doubleWriters: 0 });
  const last = readAcknowledged([sites.compute.a], 'vm1').at(-1)?.last ?? 0;
  t.true((held.at(-1)?.sequence ?? 0) >= last);
};

test('a disk moves while its VM writes: one boot, no heartbeat lost, the record sealed', async (t) => {
  const sites = await running(t);
  const { computeA, compute } = sites;
  const [before] = await runningVms(compute.a);
  await goesOn(sites);
  t.is(wordOf(await computeA.done('mirrorDisks', move)), 'ok');
  await goesOn(sites);
  const copies = await found(computeA, true);
  t.deepEqual(copies.map(({ datastoreId }) => datastoreId).sort(), ['ds-da', 'ds-db']);
  const evidence = evidenceOf(await computeA.done('cutOver', cut));
  const digest = String(evidence.digest);
  t.true(Number(evidence.interruptionMs) >= 0);
  await goesOn(sites);
  const [after] = await runningVms(compute.a);
  t.is(after?.bootId, before?.bootId);
  t.is(after?.pid, before?.pid);
  const [source, there] = await found(computeA, true);
  t.is(source?.digest, digest, 'what is left at the source is what was cut over');
  t.not(there?.digest, digest, 'the VM writes at the destination');
  t.like(decodeRecord(there?.record ?? ''), { state: 'completed', digest });
  t.is(wordOf(await computeA.done('removeDisks', move, { end: 'to' })), 'conflict');
  t.is(wordOf(await computeA.done('removeDisks', move, { end: 'from' })), 'ok');
  t.is(wordOf(await computeA.done('removeDisks', move, { end: 'from' })), 'ok', 'once more');
  t.deepEqual(
    (await found(computeA)).map(({ datastoreId }) => datastoreId),
    ['ds-db'],
  );
  t.is(wordOf(await computeA.done('shutDown', vm)), 'ok');
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok', 'it starts where it stands');
  await goesOn(sites);
  await checkBeats(t, sites, 'gb');
});

test('a disk is mirrored, and its VM cut off ahead of the seal → it starts at the source', async (t) => {
  const sites = await running(t);
  const { computeA, compute } = sites;
  t.is(wordOf(await computeA.done('mirrorDisks', move)), 'ok');
  await stopVms(compute.a);
  t.is(wordOf(await computeA.done('cutOver', cut)), 'conflict');
  t.is(wordOf(await computeA.done('mirrorDisks', move)), 'conflict', 'it has to run');
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await computeA.done('mirrorDisks', move)), 'ok', 'all over again');
  t.is(wordOf(await computeA.done('cutOver', cut)), 'ok');
  await goesOn(sites);
  await checkBeats(t, sites, 'gb');
});

test('a copy is given up while the VM runs → its room is free, and the VM goes on', async (t) => {
  const sites = await running(t);
  const { computeA } = sites;
  t.is(wordOf(await computeA.done('mirrorDisks', move)), 'ok');
  t.is(wordOf(await computeA.done('removeDisks', move, { end: 'to' })), 'ok');
  t.deepEqual(
    (await found(computeA)).map(({ datastoreId }) => datastoreId),
    ['ds-da'],
  );
  t.is(wordOf(await computeA.done('cutOver', cut)), 'conflict');
  await goesOn(sites);
  const second = { ...move, migrationId: 'm-2' };
  t.is(wordOf(await computeA.done('mirrorDisks', second)), 'ok', 'there is room again');
  await checkBeats(t, sites, 'ga');
});

test('the VM is killed in a cut-over, anywhere → it starts where the record says', async (t) => {
  t.timeout(5 * 60_000);
  const ends = { source: 0, destination: 0 };
  for (let round = 0; round < 6; round++) {
    const sites = await running(t);
    const { computeA, compute } = sites;
    t.is(wordOf(await computeA.done('mirrorDisks', move)), 'ok');
    const context = computeA.context();
    const cutting = computeA.call('cutOver', cut, {}, context);
    // Every other time as soon as it is sealed: the compute may not know yet.
    if (round % 2 === 0) await sleep(randomInt(30));
    else await until(async () => (await sealed(computeA)) !== undefined);
    await stopVms(compute.a);
    const word = wordOf(await cutting);
    const { verdict } = await computeA.settle('cutOver', cut, context);
    const isSealed = (await sealed(computeA)) !== undefined;
    t.is(verdict, isSealed ? 'done' : 'absent', word);
    t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
    await goesOn(sites);
    ends[isSealed ? 'destination' : 'source']++;
    await checkBeats(t, sites, isSealed ? 'gb' : 'ga');
  }
  t.log(ends);
  t.true(ends.destination >= 3);
});

test('copies are found by the id inside, never by the directory; a torn record is seen', async (t) => {
  const sites = await makeSites(groups);
  t.teardown(sites.close);
  const { computeA } = sites;
  const write = (path: string, content: string) =>
    computeA.done('writeFile', { id: path, datastoreId: 'ds-db', path, content });
  const record = encodeRecord(recordOf());
  t.is(wordOf(await write(recordPathOf('another'), record)), 'ok');
  t.like((await found(computeA))[1], { datastoreId: 'ds-db', record, disks: [] });
  const torn = record.slice(0, 40);
  t.is(wordOf(await write(recordPathOf('vm1'), torn)), 'ok');
  t.is((await found(computeA))[1]?.record, torn);
  const file = { id: 'f', datastoreId: 'ds-db', path: recordPathOf('vm1') };
  t.is(wordOf(await computeA.done('removeFile', file)), 'ok');
  t.is(wordOf(await computeA.done('removeFile', file)), 'ok', 'gone is gone');
  t.is((await found(computeA))[1]?.record, record);
});

test('a datastore without room → refused; a copy that is there already → conflict', async (t) => {
  const full = [groups[0], { id: 'gb', devices: [{ id: 'db', sizeBytes }], vms: ['vm2'] }];
  const sites = await makeSites(full as typeof groups);
  t.teardown(sites.close);
  t.is(wordOf(await sites.computeA.done('powerOn', vm)), 'ok');
  t.is(wordOf(await sites.computeA.done('mirrorDisks', move)), 'refused');
});
