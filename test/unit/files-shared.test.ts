/** A group that both arrays of the files plugin list under one id, and tell nothing of. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { partSites, readAcknowledged, writeAs } from '@siteswap/plugin-files/inspect';
import { provisionPair } from '@siteswap/plugin-files/provision';
import type { DeviceStatus, Direction } from '@siteswap/sdk/plugin';
import test, { type ExecutionContext } from 'ava';
import {
  evidenceOf,
  makeSites,
  type Remote,
  type Sites,
  until,
  wordOf,
} from '../_support/files.ts';

const device = { id: 'd1', sizeBytes: 512 * 1024 };
const group = { id: 'd1', devices: ['d1'] };
const vm = { id: 'vm1', instance: 'production' } as const;

const sharedSites = async (t: ExecutionContext): Promise<Sites> => {
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-shared-'));
  const stretched = { directory: join(folder, 'd1'), unnamed: true };
  const sites = await makeSites([{ id: 'd1', devices: [device], vms: ['vm1'], stretched }]);
  t.teardown(async () => {
    await sites.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return sites;
};

const over = (remote: Remote, force = false) => remote.done('failover', group, { force });

/** Which sites serve while they do not see each other: the preferred one. */
const servingWhileParted = async ({ directory }: Sites): Promise<string> => {
  await partSites(directory.a, 'd1', true);
  const serving: string[] = [];
  for (const side of ['a', 'b'] as const) {
    if ((await writeAs(directory[side], 'd1')) === 'written') serving.push(side);
  }
  await partSites(directory.a, 'd1', false);
  return serving.join(' and ');
};

const statusAt = async (remote: Remote): Promise<DeviceStatus | undefined> => {
  const answer = await remote.call('deviceStatus', group);
  return 'value' in answer ? answer.value[0] : undefined;
};

test('shared: the site of the last failover, reverse or restore goes on when they part', async (t) => {
  const sites = await sharedSites(t);
  const { a, b } = sites;
  const restored = (remote: Remote, direction: Direction) =>
    remote.done('restoreReplication', group, { to: { d1: direction } });
  t.is(await servingWhileParted(sites), 'a');
  for (const [what, answer, serves] of [
    ['prepared', () => a.done('prepareFailover', group), 'a'],
    ['failed over', () => over(b), 'b'],
    ['again', () => over(b), 'b'],
    ['reversed at the other', () => a.done('reverse', group), 'a'],
    ['restored to incoming', () => restored(a, 'incoming'), 'b'],
    ['restored to outgoing', () => restored(a, 'outgoing'), 'a'],
    ['restored, to nothing said', () => b.done('restoreReplication', group), 'a'],
  ] as const) {
    t.is(wordOf(await answer()), 'ok', what);
    t.is(await servingWhileParted(sites), serves, what);
    const told = await statusAt(b);
    t.like(told, { direction: 'none', access: 'read-write' }, what);
    t.false('preferredSiteId' in (told ?? {}) || 'stretched' in (told ?? {}), what);
  }
});

test('shared: parted → a failover is refused; by force it fences, and writers there end', async (t) => {
  const sites = await sharedSites(t);
  const { a, b, computeA, compute, directory } = sites;
  t.is(wordOf(await computeA.done('mount', { id: 'ds-d1', instance: 'production' })), 'ok');
  t.is(wordOf(await computeA.done('register', vm)), 'ok');
  t.is(wordOf(await computeA.done('powerOn', vm)), 'ok');
  await until(() => (readAcknowledged([compute.a], 'vm1')[0]?.last ?? 0) > 3);
  await partSites(directory.a, 'd1', true);
  t.is(wordOf(await over(b)), 'refused');
  const forced = await over(b, true);
  t.is(evidenceOf(forced).isolated, 'a');
  t.is((await statusAt(a))?.direction, 'incoming');
  t.is((await statusAt(b))?.direction, 'outgoing');
  t.is(await writeAs(directory.a, 'd1'), 'refused');
  t.is(await writeAs(directory.b, 'd1'), 'written');
  const answer = await computeA.call('vmStatus', vm);
  t.is('value' in answer ? answer.value.power : '', 'off');
  t.is(wordOf(await over(a)), 'fenced');
  t.is(wordOf(await b.done('resync', group, { changes: 'discard' })), 'ok');
  t.is((await statusAt(a))?.direction, 'none');
  t.is(await writeAs(directory.a, 'd1'), 'written');
});

test('shared: a device with another id at the other array → not provisioned', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'siteswap-shared-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const devices = [{ ...device, peerId: 'r1' }];
  const stretched = { directory: join(root, 'd1'), unnamed: true };
  const made = provisionPair({
    source: { id: 'a', directory: join(root, 'a') },
    target: { id: 'b', directory: join(root, 'b') },
    groups: [{ id: 'd1', devices, stretched }],
  });
  await t.throwsAsync(made, { message: /one id at both arrays/ });
});
