/**
 * The role of a replicated pair goes over inside the switch-over of a live migration: the guest
 * goes on in its boot and its bytes with it, both ways; whoever dies at whichever step, it goes on
 * at one end, and the role is there.
 */
import { rename } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { faultOrUnknown } from '../../plugins/qemu/faults.ts';
import { acceptsWriters, newestPoint } from '../../plugins/qemu/group.ts';
import { killArray, stateOf } from '../../plugins/qemu/inspect.ts';
import type { Step } from '../../plugins/qemu/journey.ts';
import { isOn } from '../../plugins/qemu/machine.ts';
import { cancelMigration, migrateLive } from '../../plugins/qemu/migrate.ts';
import { mountVerbs } from '../../plugins/qemu/mounts.ts';
import { enrol, populate } from '../../plugins/qemu/populate.ts';
import { powerOff, powerOn } from '../../plugins/qemu/power.ts';
import {
  callWith,
  enrolAt,
  goesOn,
  look,
  numbersIn,
  saidAt,
  startArray,
  statusOf,
  vmOf,
} from '../_support/qemu.ts';
import { driveTo, endProcess } from '../_support/qemu-breaking.ts';
import { doAt, equalAtRest, type MetroSites, metroSites, shownAt } from '../_support/qemu-metro.ts';

type Side = 'a' | 'b';
const otherSide = { a: 'b', b: 'a' } as const;
const directoryOf = (sites: MetroSites, side: Side) => (side === 'a' ? sites.storage : sites.other);

const runs = async (sites: MetroSites, id: string): Promise<void> => {
  await powerOn(sites.a, callWith(), vmOf(id));
  await goesOn(sites.a, id);
};

const groupAt = (sites: MetroSites, side: Side, id: string) =>
  stateOf(directoryOf(sites, side), side, id.split('-')[1] as string);

/** It goes on there and nowhere else, in its boot, no number missing or twice; so does the role. */
const goesOnAt = async (
  t: ExecutionContext,
  sites: MetroSites,
  id: string,
  { side, bootId }: { readonly side: Side; readonly bootId: string | undefined },
): Promise<void> => {
  await goesOn(sites[side], id);
  t.false(isOn(await look(sites[otherSide[side]], id)), 'it runs once');
  t.like(await statusOf(sites[side], id), { power: 'on', registered: true, bootId });
  const [before, after] = [await saidAt(sites.a, id), await saidAt(sites.b, id)];
  const all = numbersIn(side === 'b' ? before + after : before);
  t.deepEqual(
    all,
    Array.from(all, (_, index) => index + 1),
    'a number was lost or repeated',
  );
  const here = await groupAt(sites, side, id);
  const there = await groupAt(sites, otherSide[side], id);
  t.deepEqual([here.role, there.role], ['source', 'replica']);
  t.deepEqual([here.swap, there.swap], [undefined, undefined]);
  for (const end of ['a', 'b'] as const) {
    t.like(await shownAt(sites, end, id), { direction: 'stretched', pairState: 'synchronized' });
  }
};

/** What became of a call: done, or the kind of its fault. */
const kindOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (error: unknown) => faultOrUnknown(error).kind,
  );

/** Its disk holds what it said was acknowledged. */
const holdsAll = async (
  t: ExecutionContext,
  sites: MetroSites,
  id: string,
  side: Side,
): Promise<void> => {
  await endProcess(sites[side], id);
  const { heartbeat = 0 } = await statusOf(sites[side], id);
  await powerOn(sites[side], callWith(), vmOf(id));
  await goesOn(sites[side], id);
  const { resumedAt = -1 } = await statusOf(sites[side], id);
  t.true(resumedAt >= heartbeat, `it goes on from ${resumedAt}, of ${heartbeat}`);
};

test.serial('twice there and back → one boot, no number lost, the ends equal', async (t) => {
  const sites = await metroSites(t);
  const [id = ''] = sites.vmIds;
  await runs(sites, id);
  const { bootId } = await statusOf(sites.a, id);
  const said: string[] = [];
  const gaps: number[] = [];
  const points = new Set<string | undefined>();
  for (const from of ['a', 'b', 'a', 'b'] as const) {
    const to = otherSide[from];
    const evidence = await migrateLive(sites[from], callWith(), vmOf(id), `compute-${to}`);
    t.is(evidence.bootId, bootId);
    gaps.push(Number(evidence.interruptionMs));
    said.push(await saidAt(sites[from], id));
    await goesOn(sites[to], id);
    t.false(isOn(await look(sites[from], id)));
    t.is((await groupAt(sites, to, id)).role, 'source');
    const [held, sent] = [await groupAt(sites, from, id), await groupAt(sites, to, id)];
    t.is(newestPoint(held)?.id, newestPoint(sent)?.id, 'what changed since is all that travels');
    points.add(newestPoint(held)?.id);
  }
  t.is(points.size, gaps.length);
  const all = numbersIn(said.join('') + (await saidAt(sites.a, id)));
  t.deepEqual(
    all,
    Array.from(all, (_, index) => index + 1),
    'a number was lost or repeated',
  );
  t.true((await groupAt(sites, 'a', id)).layers.length <= 3, 'its layers are put together');
  await holdsAll(t, sites, id, 'a');
  await powerOff(sites.a, callWith(), vmOf(id));
  t.deepEqual(await equalAtRest(sites), ['d1']);
  t.log(`gaps in ms: ${gaps.join(' ')}`);
});

/** Where the guest goes on when who drives it dies at a step, and whoever comes next asks. */
const alone: readonly Step[] = [
  ...['asked', 'copying', 'switching', 'demoted', 'promoted'],
  ...['transferred', 'marked', 'continued', 'turned'],
] as Step[];

/** Where the guest goes on when its source and who drives it are lost at a step. */
const lost: Readonly<Partial<Record<Step, 'recovered' | 'adopted'>>> = {
  copying: 'recovered',
  demoted: 'recovered',
  promoted: 'recovered',
  transferred: 'adopted',
  marked: 'adopted',
};

/** Its driver dies at a step; then somebody asks for the same, or wants it no more. */
const survives = async (
  t: ExecutionContext,
  sites: MetroSites,
  { id, step, again }: { readonly id: string; readonly step: Step; readonly again: boolean },
): Promise<void> => {
  const key = `run-${step}/live-migrate/run/1`;
  await runs(sites, id);
  const { bootId } = await statusOf(sites.a, id);
  await driveTo(sites.a, { id, key, step });
  if (again) await migrateLive(sites.a, callWith(key), vmOf(id), 'compute-b');
  else await cancelMigration(sites.a, callWith(), vmOf(id)).catch(() => undefined);
  const side = isOn(await look(sites.b, id)) ? 'b' : 'a';
  if (again) t.is(side, 'b', step);
  await goesOnAt(t, sites, id, { side, bootId });
  await holdsAll(t, sites, id, side);
  await powerOff(sites[side], callWith(), vmOf(id));
};

test.serial('who drives it dies at any step → it ends well, once, its role with it', async (t) => {
  const sites = await metroSites(t, { devices: alone.length });
  const asked = alone.map((step, index) => {
    return { id: sites.vmIds[index] as string, step, again: index % 2 === 0 };
  });
  const inTurn = async (again: boolean): Promise<void> => {
    for (const one of asked) if (one.again === again) await survives(t, sites, one);
  };
  await Promise.all([inTurn(true), inTurn(false)]);
  t.is((await equalAtRest(sites)).length, alone.length);
});

/** What a disaster run does at the destination, then: what came over whole goes on. */
const recoverAt = async ({ b }: MetroSites, id: string, way: 'recovered' | 'adopted') => {
  const targets = [{ id: `ds-${id.split('-')[1]}`, instance: 'production' as const }];
  await mountVerbs.mount.run({ ...callWith(), session: b, attempt: 1, targets, args: {} });
  if (way === 'recovered') {
    await cancelMigration(b, callWith(), vmOf(id));
    await enrolAt(b, id);
  }
  await powerOn(b, callWith(), vmOf(id));
};

/** Where nobody can find it, with all that still runs there. */
const lose = async ({ a, storage }: MetroSites, isLost: boolean): Promise<void> => {
  for (const path of [a.directory, storage]) {
    await (isLost ? rename(path, `${path}-away`) : rename(`${path}-away`, path));
  }
};

test.serial(
  'site a is lost at any step → it goes on at b; back, a is fenced off, resynced and equal',
  async (t) => {
    const steps = Object.entries(lost) as [Step, 'recovered' | 'adopted'][];
    const sites = await metroSites(t, { devices: steps.length });
    for (const [index, [step, way]] of steps.entries()) {
      const id = sites.vmIds[index] as string;
      const group = `g-d${index + 1}`;
      await runs(sites, id);
      const { bootId, heartbeat = 0 } = await statusOf(sites.a, id);
      await driveTo(sites.a, { id, key: `run-${step}/live-migrate/run/1`, step });
      await endProcess(sites.a, id);
      await lose(sites, true);
      await doAt(sites, 'b', 'fence', {}, group);
      await recoverAt(sites, id, way);
      await goesOn(sites.b, id);
      const now = await statusOf(sites.b, id);
      t.is(now.bootId === bootId, way === 'adopted', `${step}: ${way}`);
      t.true((now.resumedAt ?? heartbeat) >= (way === 'recovered' ? heartbeat : 0));
      t.like(await shownAt(sites, 'b', id), { direction: 'outgoing', stretched: true });
      await lose(sites, false);
      // Its daemon ran on, and an idle mirror notices nothing.
      t.is((await shownAt(sites, 'a', id)).stretched, undefined, 'left behind, and not fenced yet');
      // Whoever asks what became of the migration, ahead of the fence, opens nothing there.
      await cancelMigration(sites.a, callWith(), vmOf(id)).catch(() => undefined);
      const back = await groupAt(sites, 'a', id);
      t.deepEqual([acceptsWriters(back), back.role === 'replica'], [false, false]);
      t.like(await shownAt(sites, 'b', id), { direction: 'outgoing', stretched: true });
      await doAt(sites, 'a', 'fence', {}, group);
      t.like(await shownAt(sites, 'a', id), { access: 'read-only', stretched: true });
      await doAt(sites, 'b', 'resync', { changes: 'discard' }, group);
      for (const end of ['a', 'b'] as const) {
        t.like(await shownAt(sites, end, id), { direction: 'stretched', access: 'read-write' });
      }
      await holdsAll(t, sites, id, 'b');
      await powerOff(sites.b, callWith(), vmOf(id));
    }
    t.is((await equalAtRest(sites)).length, steps.length);
  },
);

/** What dies at its destination once the role has gone there, and the guest has not. */
const deaths = [
  ['the daemon', ({ other }: MetroSites) => killArray(other, 'b')],
  ['its shell', ({ b, vmIds: [id = ''] }: MetroSites) => endProcess(b, id)],
] as const;

for (const [what, strike] of deaths) {
  for (const step of ['promoted', 'transferred'] as const) {
    test.serial(`${what} at b dies when it is ${step} → on at a, in its boot`, async (t) => {
      const sites = await metroSites(t);
      const [id = ''] = sites.vmIds;
      await runs(sites, id);
      const { bootId } = await statusOf(sites.a, id);
      const at = async (reached: Step): Promise<void> => {
        if (reached === step) await strike(sites);
      };
      const moving = migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', { at });
      t.is(await kindOf(moving), 'interrupted');
      await goesOn(sites.a, id);
      t.like(await groupAt(sites, 'a', id), { role: 'source' });
      await startArray(sites.other, 'b');
      await doAt(sites, 'a', 'sync');
      await goesOnAt(t, sites, id, { side: 'a', bootId });
      await migrateLive(sites.a, callWith(), vmOf(id), 'compute-b');
      await goesOnAt(t, sites, id, { side: 'b', bootId });
      await powerOff(sites.b, callWith(), vmOf(id));
      t.deepEqual(await equalAtRest(sites), ['d1']);
    });
  }
}

test.serial(
  'the daemon at a dies when the role has gone → on at b, turned by a reverse',
  async (t) => {
    const sites = await metroSites(t);
    const [id = ''] = sites.vmIds;
    await runs(sites, id);
    const { bootId } = await statusOf(sites.a, id);
    const at = async (step: Step): Promise<void> => {
      if (step === 'promoted') await killArray(sites.storage, 'a');
    };
    await migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', { at });
    await goesOn(sites.b, id);
    await startArray(sites.storage);
    t.like(await shownAt(sites, 'a', id), { direction: 'outgoing', access: 'read-only' });
    t.like(await shownAt(sites, 'b', id), { direction: 'outgoing', access: 'read-write' });
    await doAt(sites, 'b', 'reverse');
    await goesOnAt(t, sites, id, { side: 'b', bootId });
    await powerOff(sites.b, callWith(), vmOf(id));
    t.deepEqual(await equalAtRest(sites), ['d1']);
  },
);

test.serial('the guest dies when its role has gone → lost, it starts from its disk', async (t) => {
  const sites = await metroSites(t);
  const [id = ''] = sites.vmIds;
  await runs(sites, id);
  const at = async (step: Step): Promise<void> => {
    if (step === 'promoted') await endProcess(sites.a, id);
  };
  const moving = migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', { at });
  t.is(await kindOf(moving), 'interrupted');
  await holdsAll(t, sites, id, 'a');
  await powerOff(sites.a, callWith(), vmOf(id));
  t.deepEqual(await equalAtRest(sites), ['d1']);
});

test.serial(
  'nobody writes → the role goes where a VM is started, and back, nothing lost',
  async (t) => {
    const sites = await metroSites(t);
    const [id = ''] = sites.vmIds;
    await runs(sites, id);
    await doAt(sites, 'b', 'setSitePreference', { siteId: 'site-b' });
    const targets = [{ id: 'ds-d1', instance: 'production' as const }];
    const mount = () =>
      mountVerbs.mount.run({ ...callWith(), session: sites.b, attempt: 1, targets, args: {} });
    await mount();
    t.is((await groupAt(sites, 'a', id)).role, 'source', 'it stays where somebody writes');
    await powerOff(sites.a, callWith(), vmOf(id));
    await mount();
    t.is((await groupAt(sites, 'b', id)).role, 'source', 'mounted where it is preferred');
    let held = (await statusOf(sites.a, id)).heartbeat ?? 0;
    await enrolAt(sites.b, id);
    for (const side of ['b', 'a'] as const) {
      await powerOn(sites[side], callWith(), vmOf(id));
      await goesOn(sites[side], id);
      t.is((await groupAt(sites, side, id)).role, 'source');
      t.is(await kindOf(powerOn(sites[otherSide[side]], callWith(), vmOf(id))), 'conflict');
      await powerOff(sites[side], callWith(), vmOf(id));
      const { resumedAt = -1, heartbeat = 0 } = await statusOf(sites[side], id);
      t.true(resumedAt >= held, `it goes on from ${resumedAt}, of ${held}`);
      held = heartbeat;
    }
    t.deepEqual(await equalAtRest(sites), ['d1']);
  },
);

test.serial('a VM on two groups → the roles of both go along, there and back', async (t) => {
  const sites = await metroSites(t, { devices: 2 });
  const [id = ''] = sites.vmIds;
  await populate(sites.a, 'ds-d2', [{ id, disk: 1 }]);
  await enrol(sites.a, id, ['ds-d1', 'ds-d2']);
  await runs(sites, id);
  const { bootId } = await statusOf(sites.a, id);
  await migrateLive(sites.a, callWith(), vmOf(id), 'compute-b');
  await goesOnAt(t, sites, id, { side: 'b', bootId });
  t.is((await groupAt(sites, 'b', 'vm-d2-1')).role, 'source');
  await migrateLive(sites.b, callWith(), vmOf(id), 'compute-a');
  await goesOn(sites.a, id);
  for (const one of sites.vmIds) t.is((await groupAt(sites, 'a', one)).role, 'source');
  t.is((await statusOf(sites.a, id)).bootId, bootId);
  await endProcess(sites.a, id);
  t.deepEqual(await equalAtRest(sites), ['d1', 'd2']);
});

test.serial(
  'two VMs on a group, or ends that are not equal → refused, and they go on',
  async (t) => {
    const sites = await metroSites(t, { vmsPerDevice: 2 });
    const [id = '', other = ''] = sites.vmIds;
    for (const one of [id, other]) await runs(sites, one);
    const { bootId } = await statusOf(sites.a, id);
    const refused = async () =>
      faultOrUnknown(await t.throwsAsync(migrateLive(sites.a, callWith(), vmOf(id), 'compute-b')));
    t.like(await refused(), { kind: 'conflict', members: [other] });
    await powerOff(sites.a, callWith(), vmOf(other));
    await doAt(sites, 'a', 'suspendReplication');
    t.like(await refused(), { kind: 'conflict', code: 'QEMU_NOT_SYNCHRONIZED' });
    await doAt(sites, 'a', 'resumeReplication');
    await doAt(sites, 'a', 'sync');
    await goesOnAt(t, sites, id, { side: 'a', bootId });
    const starting: string[] = [];
    const at = async (step: Step): Promise<void> => {
      if (step !== 'promoted') return;
      for (const end of [sites.a, sites.b]) {
        starting.push(await kindOf(powerOn(end, callWith(), vmOf(other))));
      }
    };
    await migrateLive(sites.a, callWith(), vmOf(id), 'compute-b', { at });
    t.deepEqual(starting, ['busy', 'missing'], 'nobody else opens it while it goes over');
    await goesOnAt(t, sites, id, { side: 'b', bootId });
  },
);
