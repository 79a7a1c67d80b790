import { rename } from 'node:fs/promises';
import {
  checksumOfDevice,
  countHeartbeats,
  countLoss,
  readAcknowledged,
  readHeartbeats,
} from '@siteswap/plugin-files/inspect';
import { startVms } from '@siteswap/plugin-files/provision';
import test from 'ava';
import { evidenceOf, g1, makeSites, wordOf } from '../_support/files.ts';

const vm = { id: 'vm1', instance: 'production' } as const;
const datastores = (devices: readonly string[]) =>
  devices.map((id) => ({ id, instance: 'production' }) as const);

test('a planned failover moves a running VM without losing a heartbeat', async (t) => {
  const sites = await makeSites();
  t.teardown(sites.close);
  const { a, b, computeA, computeB } = sites;
  const arrays = { a: sites.directory.a };
  t.deepEqual(await startVms({ directory: sites.compute.a, arrays, heartbeatMs: 5 }), ['vm1']);
  const synced = await a.done('sync', g1.a);
  t.is(wordOf(synced), 'ok', JSON.stringify(synced));
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'conflict');
  t.is(wordOf(await computeA.done('shutDown', vm)), 'ok');
  t.is(wordOf(await a.done('sync', g1.a)), 'ok');
  for (const one of datastores(['ds-d1', 'ds-d2'])) {
    t.is(wordOf(await computeA.done('unmount', one)), 'ok');
  }
  t.is(wordOf(await b.done('failover', g1.b, { force: false })), 'conflict');
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'ok');
  const promoted = await b.done('failover', g1.b, { force: false });
  t.is(wordOf(promoted), 'ok', JSON.stringify(promoted));
  t.truthy(evidenceOf(promoted).recoveryPoint);
  const bytesA = { directory: sites.directory.a, groupId: 'g1' };
  const bytesB = { directory: sites.directory.b, groupId: 'g1' };
  t.is(await checksumOfDevice(bytesA, 'd1'), await checksumOfDevice(bytesB, 'r1'));
  t.is(await checksumOfDevice(bytesA, 'd2'), await checksumOfDevice(bytesB, 'r2'));
  for (const one of datastores(['ds-d1', 'ds-d2'])) {
    t.is(wordOf(await computeB.done('mount', one)), 'ok');
  }
  t.is(wordOf(await computeB.done('register', vm)), 'ok');
  t.is(wordOf(await computeB.done('powerOn', vm)), 'ok');
  t.is(wordOf(await computeB.done('shutDown', vm)), 'ok');
  const loss = countLoss(readAcknowledged([sites.compute.a, sites.compute.b], 'vm1'));
  t.is(loss.boots, 2);
  t.is(loss.lost, 0);
  t.is(loss.duplicates, 0);
  const counted = countHeartbeats(await readHeartbeats(bytesB, 'vm1'));
  t.is(counted.missing, 0);
  t.is(counted.doubleWriters, 0);
  t.is(counted.first, 1);
});

test('a source that was demoted takes back by force what went over, and can be put back', async (t) => {
  const sites = await makeSites();
  t.teardown(sites.close);
  const { a, b } = sites;
  const statusAt = async () => {
    const answer = await a.call('deviceStatus', g1.a);
    if (!('value' in answer)) throw new Error(JSON.stringify(answer));
    const { access, direction, lineage } = answer.value[0] ?? {};
    return { access, direction, lineage };
  };
  t.is(wordOf(await a.done('prepareFailover', g1.a)), 'ok');
  t.is(wordOf(await b.done('failover', g1.b, { force: false })), 'ok');
  const demoted = await statusAt();
  t.is(wordOf(await a.done('failover', g1.a, { force: false })), 'conflict');
  const away = `${sites.directory.b}-away`;
  await rename(sites.directory.b, away);
  const forced = await a.done('failover', g1.a, { force: true });
  t.is(wordOf(forced), 'ok', JSON.stringify(forced));
  t.is((await statusAt()).access, 'read-write');
  t.not((await statusAt()).lineage, demoted.lineage);
  const to = { d1: 'outgoing', d2: 'outgoing' } as const;
  t.is(wordOf(await a.done('restoreReplication', g1.a, { to })), 'ok');
  t.deepEqual(await statusAt(), demoted);
  t.is(wordOf(await a.done('failover', g1.a, { force: true })), 'ok');
  await rename(away, sites.directory.b);
  t.is(evidenceOf(await b.done('fence', g1.b)).fenced, true);
  t.is(wordOf(await a.done('resync', g1.a, { changes: 'keep' })), 'ok');
});
