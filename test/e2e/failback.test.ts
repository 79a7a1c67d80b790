/**
 * There and back again, with real bytes: planned, then by a disaster whose site comes back with its
 * VMs still writing. At every stage both arrays hold the same bytes once the copy is done.
 */
import { checksumOfDevice, stopVms } from '@siteswap/plugin-files/inspect';
import { startVms } from '@siteswap/plugin-files/provision';
import test, { type ExecutionContext } from 'ava';
import {
  CallError,
  DivergedChoice,
  Mode,
  RecoveryState,
  RunResult,
} from '../../sdk/client/index.ts';
import type { DaemonConfig } from '../../sdk/testing/index.ts';
import { failure } from '../_support/api.ts';
import {
  type FilesDaemon,
  filesConfig,
  groups,
  placesOf,
  startOnFiles,
  vmIds,
} from '../_support/daemon.ts';
import type { Sites } from '../_support/files.ts';
import { lose } from '../_support/lost-site.ts';

const said = { siteId: 'site-a', requester: 'ann', reason: 'fire' };

const run = async (
  t: ExecutionContext,
  { daemon }: FilesDaemon,
  mode: Mode,
  diverged: DivergedChoice = DivergedChoice.UNSPECIFIED,
): Promise<void> => {
  const wanted = { planId: 'move', mode, requester: 'ann', diverged };
  const { runId } = await daemon.client.runs.start(wanted);
  const { result, attention, notes } = await daemon.client.waitForRun(runId);
  t.is(result, RunResult.SUCCEEDED, `${mode}: ${attention} ${JSON.stringify(notes)}`);
};

const sums = async ({ sites }: FilesDaemon, at: 'a' | 'b'): Promise<string[]> => {
  const directory = sites.directory[at];
  const found: string[] = [];
  for (const { id: groupId } of groups) {
    const { value = [] } = (await sites[at].call('deviceStatus', { id: groupId, devices: [] })) as {
      readonly value?: readonly { readonly id: string }[];
    };
    for (const { id } of value) found.push(await checksumOfDevice({ directory, groupId }, id));
  }
  return found;
};

/** With its VMs standing still, so that equal means equal. */
const reprotect = async (
  t: ExecutionContext,
  on: FilesDaemon,
  from: 'a' | 'b',
  diverged?: DivergedChoice,
): Promise<void> => {
  await stopVms(on.sites.compute[from]);
  await run(t, on, Mode.REPROTECT, diverged);
  t.deepEqual(await sums(on, 'a'), await sums(on, 'b'));
};

/** From `site-b` to `site-a`, where it began. */
const home = async (t: ExecutionContext, on: FilesDaemon): Promise<void> => {
  await run(t, on, Mode.PLANNED);
  t.deepEqual((await placesOf(on.sites, 'a')).running, [...vmIds]);
  await reprotect(t, on, 'a');
  const { plan, state } = await on.daemon.client.plans.get('move');
  t.deepEqual([plan?.protectedSiteId, state], ['site-a', 'PLAN_STATE_READY']);
};

const startAtHome = ({ sites: { compute, directory } }: FilesDaemon) =>
  startVms({ directory: compute.a, arrays: { a: directory.a }, heartbeatMs: 20 });

/** A disaster run, and the site back with its VMs on: both sites write, each in its lineage. */
const partAndReturn = async (t: ExecutionContext, on: FilesDaemon): Promise<void> => {
  const { client } = on.daemon;
  const site = await lose(t, on);
  await client.sites.declareLost(said);
  await run(t, on, Mode.DISASTER);
  await site.restore();
  t.deepEqual(await startAtHome(on), [...vmIds]);
  await client.sites.declareReachable({ ...said, reason: 'power is back' });
};

test.serial(
  'planned, disaster, home from each: the same bytes at every stage; kept, then removed',
  async (t) => {
    const on = await startOnFiles(t);
    const { client } = on.daemon;
    await run(t, on, Mode.PLANNED);
    await reprotect(t, on, 'b');
    await home(t, on);

    await partAndReturn(t, on);
    const [found] = await client.sites.recoveries();
    t.is(found?.state, RecoveryState.REQUIRED);
    t.deepEqual(found?.oldWriter?.vmIds, [...vmIds]);
    t.deepEqual(found?.newWriter?.vmIds, [...vmIds]);
    t.not(found?.oldWriter?.devices[0]?.lineage, found?.newWriter?.devices[0]?.lineage);
    await run(t, on, Mode.FENCE);
    t.deepEqual((await placesOf(on.sites, 'a')).running, []);
    t.deepEqual((await placesOf(on.sites, 'b')).running, [...vmIds]);

    const held = await sums(on, 'a');
    const wanted = { planId: 'move', mode: Mode.REPROTECT, requester: 'ann' };
    const refused = await failure(t, client.runs.start(wanted), CallError);
    t.is(refused.reason, 'DATA_DIVERGED');
    t.regex(refused.message, /may hold [1-9][\d.]* (B|KiB|MiB) that/);
    t.deepEqual(await sums(on, 'a'), held);
    await reprotect(t, on, 'b', DivergedChoice.KEEP);
    t.notDeepEqual(await sums(on, 'a'), held);
    const points = await on.sites.a.call('recoveryPoints', { id: 'g1', devices: ['d1'] });
    t.true('value' in points && points.value.some(({ id }) => /snapshot:before-resync/.test(id)));
    t.deepEqual(await client.sites.recoveries(), []);
    await home(t, on);

    const { replication } = client;
    const target = { arrayId: 'a', targets: [{ id: 'g1' }] };
    const listed = async (): Promise<readonly string[]> => {
      const [found] = await replication.listSnapshots(target);
      if (found?.outcome?.$case !== 'snapshots') throw new Error(JSON.stringify(found));
      return found.outcome.value.snapshots.map(({ name }) => name);
    };
    const [name = ''] = await listed();
    t.regex(name, /^before-resync-/);
    const everywhere = await replication.listSnapshots({ arrayId: 'a' });
    t.true(everywhere.some(({ targetId }) => targetId === 'g1'));
    for (const time of ['there', 'gone already']) {
      const { results } = await replication.removeSnapshot({ ...target, name, requester: 'ann' });
      t.deepEqual(
        results.map(({ outcome }) => outcome?.$case),
        ['success'],
        time,
      );
      t.deepEqual(await listed(), [], time);
    }
  },
);

/** Both ends of a pair have one id. */
const alike = groups.map((group) => ({
  ...group,
  devices: group.devices.map(({ id, ...device }) => ({ ...device, id, peerId: id })),
}));

for (const present of ['pair-as-stretched', 'shared-as-stretched'] as const) {
  test.serial(`a replicated pair at arrays shown ${present}: disaster, fenced, home`, async (t) => {
    const shown = (sites: Sites) => {
      const [a, b] = filesConfig(sites).arrays as [object, object];
      return { arrays: [{ ...a, present, peer: 'b' }, b] } as Partial<DaemonConfig>;
    };
    const on = await startOnFiles(t, {}, alike, shown);
    const { client } = on.daemon;
    await partAndReturn(t, on);
    const { believed, found, differences } = await client.repair.inspect('move');
    t.deepEqual(found, believed, 'the side that was promoted last goes on');
    t.deepEqual(differences, []);
    await run(t, on, Mode.FENCE);
    t.deepEqual((await placesOf(on.sites, 'a')).running, []);
    t.deepEqual((await placesOf(on.sites, 'b')).running, [...vmIds]);
    await reprotect(t, on, 'b', DivergedChoice.KEEP);
    t.deepEqual(await client.sites.recoveries(), []);
    await home(t, on);
  });
}
