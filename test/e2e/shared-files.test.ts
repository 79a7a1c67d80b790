/**
 * A directory that both sites see, which neither array says anything of: the daemon shows it as its
 * own peer and keeps which site is its source. With real bytes and real processes, beside a group
 * that is really replicated.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countLoss, readAcknowledged, runningVms, writeAs } from '@siteswap/plugin-files/inspect';
import type { GroupSpec } from '@siteswap/plugin-files/provision';
import type { Device as Listed } from '@siteswap/sdk/plugin';
import test, { type ExecutionContext } from 'ava';
import {
  type Device,
  Direction,
  Mode,
  RecoveryState,
  type RunEvent,
  RunEventType,
  RunResult,
} from '../../sdk/client/index.ts';
import {
  countVms,
  type FilesDaemon,
  filesConfig,
  groups,
  placesOf,
  startOnFiles,
} from '../_support/daemon.ts';
import { until } from '../_support/files.ts';
import { type LostSite, lose } from '../_support/lost-site.ts';

const [g1, g2] = groups as [GroupSpec, GroupSpec];
const vmIds = ['vm1', 'vm2'];
const sharedGroup: GroupSpec = {
  ...g1,
  devices: [{ id: 'd1', sizeBytes: 512 * 1024 }],
};

interface Shared extends FilesDaemon {
  /** What both arrays see. */
  readonly folder: string;
}

/** `g1` is shared, with vm1 and vm2 on it; `g2` is replicated. */
const startShared = async (t: ExecutionContext): Promise<Shared> => {
  const root = await mkdtemp(join(tmpdir(), 'siteswap-shared-'));
  const folder = join(root, 'g1');
  const stretched = { directory: folder, unnamed: true };
  const on = await startOnFiles(t, {}, [{ ...sharedGroup, stretched }, g2], (sites) => {
    const [first, ...others] = filesConfig(sites).arrays;
    const as = { present: 'shared-as-stretched', peer: 'b' } as const;
    return { arrays: first === undefined ? others : [{ ...first, ...as }, ...others] };
  });
  t.teardown(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
  return { ...on, folder };
};

const devicesAt = async ({ daemon }: FilesDaemon, arrayId: string): Promise<Device[]> => {
  const found: Device[] = [];
  const listing = daemon.client.inventory.discoverDevices({ arrayIds: [arrayId] });
  for await (const { devices } of listing) found.push(...devices);
  return found;
};

/** Which site is the source, as both arrays show it. */
const sourceOf = async (on: FilesDaemon): Promise<string> => {
  const shown: string[] = [];
  for (const arrayId of ['a', 'b']) {
    const one = (await devicesAt(on, arrayId)).find(({ id }) => id === 'd1');
    shown.push(one?.preferredSiteId ?? 'no device');
  }
  return [...new Set(shown)].join(' and ');
};

const harmless = async ({ sites }: FilesDaemon, side: 'a' | 'b') => {
  const counts = await countVms(sites, side, [sharedGroup]);
  return counts.map(({ lost, duplicates, missing, doubleWriters }) => ({
    lost,
    duplicates,
    missing,
    doubleWriters,
  }));
};
const unharmed = vmIds.map(() => ({ lost: 0, duplicates: 0, missing: 0, doubleWriters: 0 }));

test.serial(
  'shared directory: { id: d1 } → { id: d1, peer: d1 } at both sites; what is replicated stays',
  async (t) => {
    const on = await startShared(t);
    for (const [side, other] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const raw = (await on.sites[side].list('discoverDevices')) as Listed[];
      const shown = await devicesAt(on, side);
      t.deepEqual(
        shown.map(({ id }) => id),
        raw.map(({ id }) => id),
        'none is invented, and none is lost',
      );
      const [listed, replicated] = raw;
      t.false('peer' in (listed ?? {}) || 'stretched' in (listed ?? {}), 'its array tells nothing');
      const [asShown, beside] = shown;
      t.like(asShown, {
        id: 'd1',
        direction: Direction.STRETCHED,
        stretched: true,
        preferredSiteId: 'site-a',
        peer: { arrayId: other, deviceId: 'd1' },
        hostIdentity: listed?.hostIdentity,
      });
      t.like(beside, {
        id: replicated?.id,
        direction: side === 'a' ? Direction.OUTGOING : Direction.INCOMING,
        stretched: false,
        preferredSiteId: '',
        peer: { ...replicated?.peer },
      });
      const again = await devicesAt(on, side);
      t.deepEqual(again[0], asShown, 'asked twice');
    }
  },
);

test.serial(
  'shared directory: failover and reverse turn its source, which outlives the daemon; a test copies',
  async (t) => {
    const on = await startShared(t);
    const { replication } = on.daemon.client;
    const asked = (arrayId: string) => ({
      arrayId,
      targets: [{ id: 'g1' }],
      requester: 'a recovery manager',
    });
    const done = async (what: string, answer: ReturnType<typeof replication.reverse>) => {
      const [result] = (await answer).results;
      t.is(result?.outcome?.$case, 'success', `${what}: ${JSON.stringify(result)}`);
    };
    t.is(await sourceOf(on), 'site-a');
    await done('test', replication.testFailoverStart(asked('b')));
    t.deepEqual(await readdir(join(on.folder, 'test')), ['d1.img'], 'a real copy');
    t.is(await writeAs(on.sites.directory.a, 'd1'), 'written', 'production goes on beside it');
    t.is(await sourceOf(on), 'site-a');
    await done('end of the test', replication.testFailoverStop(asked('b')));
    for (const [to, siteId, from] of [
      ['b', 'site-b', 'a'],
      ['a', 'site-a', 'b'],
    ] as const) {
      await done('sync', replication.sync(asked(from)));
      await done('prepare', replication.prepareFailover(asked(from)));
      await done('failover', replication.failover(asked(to)));
      t.is(await sourceOf(on), siteId);
      await done('reverse', replication.reverse(asked(to)));
      t.is(await sourceOf(on), siteId);
      await on.daemon.kill();
      await on.daemon.restart();
      t.is(await sourceOf(on), siteId, 'after a restart');
    }
    t.deepEqual((await placesOf(on.sites, 'a')).running, ['vm1', 'vm2', 'vm3', 'vm4']);
    t.deepEqual(await harmless(on, 'a'), unharmed, 'and nobody there noticed');
  },
);

/** A plan of what discovery shows, and of nothing else. */
const planned = async (on: FilesDaemon): Promise<void> => {
  const shown = (await devicesAt(on, 'a')).filter(
    ({ stretched, peer, preferredSiteId }) =>
      stretched && peer !== undefined && preferredSiteId === 'site-a',
  );
  await on.daemon.client.plans.create({
    id: 'live',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: shown.map(({ id, groupId }) => ({
      id: `pg-${groupId || id}`,
      groups: [{ arrayId: 'a', id: groupId || id }],
    })),
    options: { liveMigration: true },
  });
};

const run = async (t: ExecutionContext, { daemon }: FilesDaemon, mode: Mode) => {
  const { client } = daemon;
  const { runId } = await client.runs.start({ planId: 'live', mode, requester: 'ann' });
  const events: RunEvent[] = [];
  for await (const event of client.runs.watch(runId)) events.push(event);
  const { result, attention, notes } = await client.waitForRun(runId);
  t.is(result, RunResult.SUCCEEDED, `${mode}: ${attention} ${JSON.stringify(notes)}`);
  return events;
};

const first = (events: readonly RunEvent[], step: string, type: RunEventType): number =>
  events.findIndex((event) => event.step === step && event.type === type);

test.serial(
  'shared directory: planned from discovery alone → the preference, then the VMs live, and home',
  async (t) => {
    const on = await startShared(t);
    await planned(on);
    for (const [side, other] of [
      ['b', 'a'],
      ['a', 'b'],
    ] as const) {
      const events = await run(t, on, Mode.PLANNED);
      const switched = first(events, 'switch-site-preference', RunEventType.TASK_OUTCOME);
      const migrating = first(events, 'live-migrate', RunEventType.TASK_STARTED);
      t.true(switched >= 0 && switched < migrating, `${switched} before ${migrating}`);
      t.is(await sourceOf(on), `site-${side}`);
      const there = (await placesOf(on.sites, side)).running;
      t.deepEqual(
        there.filter((id) => vmIds.includes(id)),
        vmIds,
      );
      t.false((await placesOf(on.sites, other)).running.some((id) => vmIds.includes(id)));
      await run(t, on, Mode.REPROTECT);
      await on.daemon.kill();
      await on.daemon.restart();
      t.is(await sourceOf(on), `site-${side}`, 'after a restart');
    }
    t.deepEqual(await harmless(on, 'a'), unharmed);
    for (const vmId of vmIds) {
      const boots = readAcknowledged([on.sites.compute.a, on.sites.compute.b], vmId);
      t.is(countLoss(boots).boots, 1, `${vmId} over and home in one boot`);
    }
  },
);

/** The lost site returns; nothing there is started by itself, and the way home is live. */
const backHome = async (t: ExecutionContext, on: Shared, site: LostSite): Promise<void> => {
  const { client } = on.daemon;
  await site.restore();
  const said = { siteId: 'site-a', requester: 'ann', reason: 'power is back' };
  await client.sites.declareReachable(said);
  const [found] = await client.sites.recoveries();
  t.is(found?.state, RecoveryState.REQUIRED, 'both sites are open to it until it is fenced');
  const own = (await placesOf(on.sites, 'a')).running.filter((id) => vmIds.includes(id));
  t.deepEqual(own, []);
  await run(t, on, Mode.FENCE);
  await run(t, on, Mode.REPROTECT);
  t.deepEqual(await client.sites.recoveries(), []);
  t.is(await sourceOf(on), 'site-b');
  await run(t, on, Mode.PLANNED);
  t.is(await sourceOf(on), 'site-a');
  const home = (await placesOf(on.sites, 'a')).running.filter((id) => vmIds.includes(id));
  t.deepEqual(home, vmIds);
};

const declareLost = ({ daemon }: FilesDaemon) =>
  daemon.client.sites.declareLost({ siteId: 'site-a', requester: 'ann', reason: 'fire' });

test.serial(
  'shared directory: its source is lost → fenced from the other side alone; it is back → home',
  async (t) => {
    const on = await startShared(t);
    await planned(on);
    const site = await lose(t, on);
    await declareLost(on);
    const events = await run(t, on, Mode.DISASTER);
    t.true(first(events, 'fence-lost-side', RunEventType.TASK_OUTCOME) >= 0);
    t.false(site.touched());
    t.deepEqual((await placesOf(on.sites, 'b')).running, vmIds);
    const [shown] = await devicesAt(on, 'b');
    t.like(shown, { id: 'd1', direction: Direction.OUTGOING, preferredSiteId: 'site-b' });
    await backHome(t, on, site);
    const counts = await countVms(on.sites, 'a', [sharedGroup]);
    for (const { vmId, missing, doubleWriters } of counts) {
      t.deepEqual([missing, doubleWriters], [0, 0], vmId);
    }
  },
);

test.serial(
  'shared directory: a writer of the lost site that comes back after the fence → refused, for good',
  async (t) => {
    const on = await startShared(t);
    await planned(on);
    const own = (await runningVms(on.sites.compute.a)).filter(({ vmId }) => vmIds.includes(vmId));
    const sleeper = own.find(({ vmId }) => vmId === 'vm1');
    await declareLost(on);
    await run(t, on, Mode.DISASTER);
    t.is(await writeAs(on.sites.directory.a, 'd1'), 'refused');
    t.is(await writeAs(on.sites.directory.b, 'd1'), 'written');
    await until(async () => {
      const left = await runningVms(on.sites.compute.a);
      return !left.some(({ pid }) => pid === sleeper?.pid);
    });
    t.deepEqual((await placesOf(on.sites, 'b')).running, vmIds);
    t.deepEqual(await harmless(on, 'b'), unharmed);
  },
);
