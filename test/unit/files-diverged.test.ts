/** How much each end of a parted pair holds that the other lacks: counted block by block. */
import { rename } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { blockBytes, g1, makeSites, type Remote, scribble, wordOf } from '../_support/files.ts';
import { statusAt, stretchedSites } from '../_support/files-stretched.ts';

const byDevice = async (remote: Remote, side: 'a' | 'b') => {
  const answer = await remote.call('deviceStatus', g1[side]);
  if (!('value' in answer)) throw new Error(JSON.stringify(answer));
  const listed = (await remote.list('discoverDevices')) as { divergedBytes?: number }[];
  const told = answer.value.map(({ divergedBytes }) => divergedBytes);
  return { told, listed: listed.map(({ divergedBytes }) => divergedBytes) };
};

const both = (bytes: readonly (number | undefined)[]) => ({ told: bytes, listed: bytes });

const parted = async (t: ExecutionContext) => {
  const sites = await makeSites();
  t.teardown(sites.close);
  t.deepEqual(await byDevice(sites.a, 'a'), both([undefined, undefined]));
  await scribble(sites.directory.a, 'd1', 3);
  t.is(wordOf(await sites.b.done('failover', g1.b, { force: true })), 'ok');
  return sites;
};

test('parted: 3 blocks written at one end, 2 at the other → each tells its own', async (t) => {
  const sites = await parted(t);
  t.deepEqual(await byDevice(sites.a, 'a'), both([3 * blockBytes, 0]));
  t.deepEqual(await byDevice(sites.b, 'b'), both([0, 0]));
  await scribble(sites.directory.b, 'r2', 2);
  t.deepEqual(await byDevice(sites.b, 'b'), both([0, 2 * blockBytes]));
});

test('parted, the promoted end is away → not known; equal again → nothing is told', async (t) => {
  const sites = await parted(t);
  const away = `${sites.directory.b}-away`;
  await rename(sites.directory.b, away);
  t.deepEqual(await byDevice(sites.a, 'a'), both([undefined, undefined]));
  await rename(away, sites.directory.b);
  t.is(wordOf(await sites.a.done('fence', g1.a)), 'ok');
  t.deepEqual(await byDevice(sites.a, 'a'), both([3 * blockBytes, 0]));
  t.is(wordOf(await sites.b.done('resync', g1.b, { changes: 'discard' })), 'ok');
  t.deepEqual(await byDevice(sites.a, 'a'), both([undefined, undefined]));
  t.deepEqual(await byDevice(sites.b, 'b'), both([undefined, undefined]));
});

test('stretched, one end cut off → both are the same bytes, so nothing has diverged', async (t) => {
  const sites = await stretchedSites(t);
  t.is((await statusAt(sites.a, 'a')).divergedBytes, undefined);
  t.is(wordOf(await sites.b.done('fence', g1.b)), 'ok');
  t.is((await statusAt(sites.a, 'a')).divergedBytes, 0);
  t.is((await statusAt(sites.b, 'b')).divergedBytes, 0);
});
