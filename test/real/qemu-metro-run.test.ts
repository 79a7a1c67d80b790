/**
 * Runs of a real daemon over pairs that serve two sites: guests go over live, home again, or cold
 * where the plan does not want it live; and a site is lost, and comes back.
 */
import test, { type ExecutionContext } from 'ava';
import { killArray, stateOf } from '../../plugins/qemu/inspect.ts';
import { powerOn } from '../../plugins/qemu/power.ts';
import { DivergedChoice, Mode, RunResult } from '../../sdk/client/index.ts';
import { startDaemon, type TestDaemon } from '../../sdk/testing/index.ts';
import { followed } from '../_support/live-runs.ts';
import {
  callWith,
  goesOn,
  numbersIn,
  pairConfig,
  qemuPlan,
  saidAt,
  startArray,
  statusOf,
  vmOf,
} from '../_support/qemu.ts';
import { endProcess } from '../_support/qemu-breaking.ts';
import { equalAtRest, type MetroSites, metroSites } from '../_support/qemu-metro.ts';
import { loseArray } from './_support/lost-array.ts';

interface On {
  readonly sites: MetroSites;
  readonly daemon: TestDaemon;
}

const start = async (
  t: ExecutionContext,
  wish: Parameters<typeof metroSites>[1],
  liveMigration = true,
): Promise<On> => {
  const sites = await metroSites(t, wish);
  for (const id of sites.vmIds) {
    await powerOn(sites.a, callWith(), vmOf(id));
    await goesOn(sites.a, id);
  }
  const daemon = await startDaemon({ config: pairConfig(sites) });
  t.teardown(() => daemon.stop());
  await daemon.client.plans.create({ ...qemuPlan('move', sites), options: { liveMigration } });
  return { sites, daemon };
};

const run = async (
  t: ExecutionContext,
  { daemon: { client } }: On,
  mode: Mode,
  diverged: DivergedChoice = DivergedChoice.UNSPECIFIED,
): Promise<string> => {
  const asked = { planId: 'move', mode, requester: 'test', diverged };
  const { runId } = await client.runs.start(asked);
  const ended = await client.waitForRun(runId, { deadlineMs: 200_000 });
  const { result, attention, notes } = ended;
  t.is(result, RunResult.SUCCEEDED, `${mode} ${JSON.stringify([attention, notes])}`);
  return runId;
};

const bootsOf = async (
  { sites }: On,
  side: 'a' | 'b',
): Promise<readonly (string | undefined)[]> => {
  const boots: (string | undefined)[] = [];
  for (const id of sites.vmIds) boots.push((await statusOf(sites[side], id)).bootId);
  return boots;
};

const rolesAt = async ({ sites }: On, side: 'a' | 'b'): Promise<readonly string[]> => {
  const directory = side === 'a' ? sites.storage : sites.other;
  const devices = [...new Set(sites.vmIds.map((id) => id.split('-')[1] as string))];
  const states = await Promise.all(devices.map((id) => stateOf(directory, side, id)));
  return states.map(({ role, metro }) => `${role}, prefers ${metro?.preferredSiteId}`);
};

const all = (count: number, what: string): string[] => Array.from({ length: count }, () => what);

test.serial(
  'planned, live, reprotect, home: 3 VMs on 3 replicated pairs → one boot, no number lost',
  async (t) => {
    const on = await start(t, { devices: 3 });
    const { sites } = on;
    const boots = await bootsOf(on, 'a');
    const there = await followed(on.daemon.client, await run(t, on, Mode.PLANNED));
    const said = new Map<string, string>();
    for (const id of sites.vmIds) {
      await goesOn(sites.b, id);
      said.set(id, await saidAt(sites.a, id));
    }
    t.deepEqual(await bootsOf(on, 'b'), boots);
    t.deepEqual(await rolesAt(on, 'b'), all(3, 'source, prefers site-b'));
    t.deepEqual(await rolesAt(on, 'a'), all(3, 'replica, prefers site-b'));
    await run(t, on, Mode.REPROTECT);
    const home = await followed(on.daemon.client, await run(t, on, Mode.PLANNED));
    t.deepEqual([there.early, home.early], [[], []], 'no VM goes ahead of its preference');
    t.is(there.gaps.length + home.gaps.length, 6);
    for (const id of sites.vmIds) {
      await goesOn(sites.a, id);
      const heard = `${said.get(id)}${await saidAt(sites.b, id)}${await saidAt(sites.a, id)}`;
      const numbers = numbersIn(heard);
      const expected = Array.from(numbers, (_, index) => index + 1);
      t.deepEqual(numbers, expected, `${id} lost or repeated a number`);
    }
    t.deepEqual(await bootsOf(on, 'a'), boots);
    t.deepEqual(await rolesAt(on, 'a'), all(3, 'source, prefers site-a'));
    await on.daemon.stop();
    for (const id of sites.vmIds) await endProcess(sites.a, id);
    t.is((await equalAtRest(sites)).length, 3);
    t.log(`gaps in ms: ${[...there.gaps, ...home.gaps].join(' ')}`);
  },
);

test.serial(
  'planned without live migration: 2 VMs on one pair → stopped, the role follows, nothing lost',
  async (t) => {
    const on = await start(t, { vmsPerDevice: 2 }, false);
    const { sites } = on;
    await run(t, on, Mode.PLANNED);
    for (const id of sites.vmIds) {
      await goesOn(sites.b, id);
      const { heartbeat: told = 0 } = await statusOf(sites.a, id);
      const { resumedAt: held = -1 } = await statusOf(sites.b, id);
      t.true(held === told || held === told + 1, `${told} was acknowledged, ${held} is held`);
    }
    t.deepEqual(await rolesAt(on, 'b'), ['source, prefers site-b']);
    await run(t, on, Mode.REPROTECT);
  },
);

const said = { siteId: 'site-a', requester: 'test', reason: 'fire' };

test.serial(
  'disaster: the site is lost → no call there, nothing lost; back: fenced, resynced, home live',
  async (t) => {
    const on = await start(t, { devices: 1 });
    const { sites, daemon } = on;
    const [id = ''] = sites.vmIds;
    await endProcess(sites.a, id);
    const { heartbeat = 0 } = await statusOf(sites.a, id);
    const lost = await loseArray(t, {
      kill: () => killArray(sites.storage, 'a'),
      directory: () => sites.storage,
    });
    await daemon.client.sites.declareLost(said);
    const before = lost.calls().length;
    await run(t, on, Mode.DISASTER);
    t.is(lost.calls().length, before, lost.calls().join(' '));
    await goesOn(sites.b, id);
    const { resumedAt = -1, bootId } = await statusOf(sites.b, id);
    t.true(resumedAt >= heartbeat, `${heartbeat} was acknowledged, ${resumedAt} is held`);
    await lost.restore();
    await startArray(sites.storage);
    await daemon.client.sites.declareReachable({ ...said, reason: 'power is back' });
    await run(t, on, Mode.FENCE);
    await run(t, on, Mode.REPROTECT, DivergedChoice.DISCARD);
    t.deepEqual(await rolesAt(on, 'b'), ['source, prefers site-b']);
    await run(t, on, Mode.PLANNED);
    await goesOn(sites.a, id);
    t.is((await statusOf(sites.a, id)).bootId, bootId, 'home live');
    t.deepEqual(await rolesAt(on, 'a'), ['source, prefers site-a']);
  },
);
