/** Stretched devices in the lab: one medium at two sites, preference, cost, fence and return. */
import type { Device, Page } from '@siteswap/sdk/plugin';
import test from 'ava';
import { heartbeatBytes } from '../../plugins/lab/limits.ts';
import { sharedIdOf } from '../../plugins/lab/spec.ts';
import {
  device,
  group,
  makeLab,
  said,
  startMs,
  statusAt,
  type TestLab,
  vm,
} from '../_support/lab.ts';

const stretched = (options = {}) =>
  makeLab({
    groups: 0,
    stretched: 1,
    vmsPerGroup: 2,
    heartbeatMs: 10,
    crossSiteMs: 10,
    ...options,
  });

const prefer = (lab: TestLab, siteId: string, at = 'lab-a') =>
  lab.verb(at, 'setSitePreference', [group()], { args: { siteId } });

const heartbeat = async (lab: TestLab, side: 'a' | 'b'): Promise<number> =>
  (await lab.control.contents(`lab-${side}`, device(side))).heartbeats['vm-00001'] ?? -1;

const start = (lab: TestLab, side: 'a' | 'b') =>
  lab.verb(`lab-compute-${side}`, 'register', [vm()]).then(async () => {
    return said(await lab.verb(`lab-compute-${side}`, 'powerOn', [vm()]));
  });

const firstAt = async (lab: TestLab, remoteId: string): Promise<Device | undefined> => {
  const page = { sizeMax: 10 };
  const listed = lab.port.send({ kind: 'list', remoteId, verb: 'discoverDevices', page });
  return ((await listed) as Page<Device>).items[0];
};

test('discovery: both ends are one device, written at both sites', async (t) => {
  const lab = stretched({ rpoMs: 60_000 });
  const [a, b] = [await firstAt(lab, 'lab-a'), await firstAt(lab, 'lab-b')];
  for (const end of [a, b]) {
    t.like(end, {
      direction: 'stretched',
      access: 'read-write',
      pairState: 'synchronized',
      updateMode: 'active',
      stretched: true,
      preferredSiteId: 'site-a',
      groupId: 'cg-0001',
      rpoMs: 60_000,
    });
  }
  t.deepEqual(a?.peer, { arrayId: 'lab-b', deviceId: device('b') });
  t.is(a?.hostIdentity, b?.hostIdentity);
  await lab.time.advance(100);
  t.is(await heartbeat(lab, 'a'), 10);
  t.is(await heartbeat(lab, 'b'), 10);
});

test('a shared device has one id at both arrays and no peer, and is stretched all the same', async (t) => {
  const lab = makeLab({ groups: 0, shared: 1, heartbeatMs: 10 });
  const id = sharedIdOf(1, 1);
  for (const remoteId of ['lab-a', 'lab-b']) {
    const shared = await firstAt(lab, remoteId);
    t.like(shared, { id, direction: 'stretched', stretched: true, preferredSiteId: 'site-a' });
    t.is(shared?.peer, undefined);
  }
  await lab.control.loseSite('site-a', { vms: 'keep' });
  t.deepEqual(said(await lab.verb('lab-b', 'fence', [group()])), ['ok']);
  t.deepEqual(await start(lab, 'b'), ['ok']);
  await lab.control.returnSite('site-a');
  t.deepEqual(await lab.control.refusals('lab-a'), { [id]: 1 });
  t.deepEqual(await lab.control.verify(), []);
});

test('preference: I/O at the other side costs more, from the switch on and no longer', async (t) => {
  const lab = stretched();
  await lab.time.advance(100);
  t.deepEqual(said(await prefer(lab, 'site-b')), ['ok']);
  t.is((await statusAt(lab, 'a')).preferredSiteId, 'site-b');
  t.is((await statusAt(lab, 'b')).preferredSiteId, 'site-b');
  await lab.time.advance(100);
  t.is(await heartbeat(lab, 'a'), 15);
  t.is((await lab.control.runs('vm-00001'))[0]?.everyMs, 20);
  t.deepEqual(said(await prefer(lab, 'site-a', 'lab-b')), ['ok']);
  await lab.time.advance(100);
  t.is(await heartbeat(lab, 'a'), 25);
  t.is((await lab.control.effects('setSitePreference')).length, 2);
  t.deepEqual(said(await prefer(lab, 'site-a')), ['ok']);
  t.is((await lab.control.effects('setSitePreference')).length, 2, 'it was so already');
});

test('preference is refused: at no site of it, of a plain device, while it cannot be told', async (t) => {
  const lab = stretched();
  t.deepEqual(said(await prefer(lab, 'site-c')), ['refused UNKNOWN_SITE']);
  await lab.control.cutLink('site-a', 'site-b');
  t.deepEqual(said(await prefer(lab, 'site-b')), ['refused PEER_DOWN']);
  t.deepEqual(said(await prefer(makeLab(), 'site-b')), ['refused NOT_STRETCHED']);
});

test('fence while the sites see each other: the other side is cut at once, and counted', async (t) => {
  const lab = stretched();
  const [fenced] = await lab.verb('lab-b', 'fence', [group()]);
  t.like(fenced, { ok: true, evidence: { lineage: 'cg-0001-1#2', writersCut: 2 } });
  t.deepEqual(await lab.control.refusals('lab-a'), { [device('a')]: 2 });
  t.like(await statusAt(lab, 'a'), { access: 'read-only', divergedBytes: 0 });
  t.like(await statusAt(lab, 'b'), { direction: 'outgoing', preferredSiteId: 'site-b' });
  t.deepEqual(said(await lab.verb('lab-b', 'fence', [group()])), ['ok']);
  t.is((await statusAt(lab, 'b')).lineage, 'cg-0001-1#2', 'repeated: no further lineage');
});

test('divergence: what was written at the isolated side meanwhile is told in bytes', async (t) => {
  const lab = stretched({ vmsPerGroup: 1 });
  await lab.control.loseSite('site-a', { vms: 'keep' });
  await lab.verb('lab-b', 'fence', [group()]);
  await lab.time.advance(100);
  await lab.control.returnSite('site-a');
  t.is((await statusAt(lab, 'a')).divergedBytes, 10 * heartbeatBytes);
  t.is((await statusAt(lab, 'b')).divergedBytes, 0);
  const args = { changes: 'keep' };
  const resync = await lab.verb('lab-b', 'resync', [group()], { args });
  t.like(resync[0], { ok: true, evidence: { snapshot: `before-resync@${startMs + 100}` } });
  const kept = `before-resync@${startMs + 100}`;
  t.is((await lab.control.contents('lab-a', device('a'), kept)).heartbeats['vm-00001'], 10);
  t.is(await heartbeat(lab, 'a'), 0);
  t.is((await statusAt(lab, 'a')).divergedBytes, undefined);
});

test('link cut: the preferred side goes on, the other acknowledges nothing more', async (t) => {
  for (const preferred of ['a', 'b'] as const) {
    const lab = stretched();
    await prefer(lab, `site-${preferred}`);
    const before = await heartbeat(lab, 'a');
    await lab.control.cutLink('site-a', 'site-b');
    await lab.time.advance(100);
    t.is(await heartbeat(lab, 'a'), preferred === 'a' ? before + 10 : before);
    t.is(await heartbeat(lab, 'b'), before);
    const other = preferred === 'a' ? 'b' : 'a';
    t.like(await statusAt(lab, preferred), { direction: 'outgoing', pairState: 'partitioned' });
    t.like(await statusAt(lab, other), { direction: 'incoming', access: 'read-only' });
    t.is(await lab.control.write(`lab-${other}`, device(other)), 'refused');
    t.deepEqual(await lab.control.verify(), []);
    await lab.control.healLink('site-a', 'site-b');
    t.is((await statusAt(lab, other)).direction, 'stretched');
    t.is(await heartbeat(lab, 'b'), await heartbeat(lab, 'a'));
    t.deepEqual(await lab.control.divergences(), []);
  }
});

test('a VM runs once: powered on at one site it is refused at the other', async (t) => {
  const lab = stretched();
  t.deepEqual(await start(lab, 'b'), ['conflict RUNS_ELSEWHERE']);
  await lab.verb('lab-compute-a', 'powerOff', [vm()]);
  t.deepEqual(await start(lab, 'b'), ['ok']);
  t.deepEqual(await start(lab, 'a'), ['conflict RUNS_ELSEWHERE']);
  t.deepEqual(await lab.control.verify(), []);
});

test('fence: the other side is isolated whatever the preference, and its return refused', async (t) => {
  const lab = stretched();
  await lab.time.advance(100);
  await lab.control.loseSite('site-a', { vms: 'keep' });
  t.deepEqual(await start(lab, 'b'), ['conflict PASSIVE_DEVICE']);
  t.deepEqual(said(await lab.verb('lab-b', 'fence', [group()])), ['ok']);
  t.deepEqual(await start(lab, 'b'), ['ok']);
  await lab.time.advance(100);
  t.is((await lab.control.calls('lab-a')).total, 0);
  t.is((await lab.control.divergences()).length, 1, 'two lineages, both written');
  t.deepEqual(await lab.control.verify(), []);

  await lab.control.returnSite('site-a');
  t.like(await statusAt(lab, 'a'), { access: 'read-only', pairState: 'split' });
  t.deepEqual(await lab.control.refusals('lab-a'), { [device('a')]: 2 });
  t.deepEqual(await start(lab, 'a'), ['fenced OLD_LINEAGE']);
  t.deepEqual(said(await lab.verb('lab-a', 'fence', [group()])), ['fenced OLD_LINEAGE']);
  t.deepEqual(await lab.control.refusals('lab-a'), { [device('a')]: 3 });
  t.deepEqual(await lab.control.divergences(), []);
  t.deepEqual(await lab.control.verify(), []);
});

test('resync: after the return it is stretched again, out of the side that is called', async (t) => {
  const lab = stretched({ operationMs: { resync: 500 } });
  await lab.control.loseSite('site-a', { vms: 'keep' });
  await lab.verb('lab-b', 'fence', [group()]);
  await start(lab, 'b');
  await lab.time.advance(100);
  await lab.control.returnSite('site-a');
  const args = { changes: 'keep' };
  t.deepEqual(said(await lab.verb('lab-b', 'resync', [group()], { args })), ['accepted']);
  t.like(await statusAt(lab, 'a'), { direction: 'incoming', pairState: 'unsynchronized' });
  t.deepEqual(said(await lab.verb('lab-a', 'fence', [group()])), ['conflict NO_WHOLE_COPY']);
  await lab.time.advance(500);
  t.like(await statusAt(lab, 'a'), { direction: 'stretched', preferredSiteId: 'site-b' });
  t.is((await statusAt(lab, 'a')).lineage, (await statusAt(lab, 'b')).lineage);
  t.is(await heartbeat(lab, 'a'), await heartbeat(lab, 'b'));
  t.deepEqual(await lab.control.verify(), []);
});

test('two sides that isolate each other open two lineages; on contact the older one is cut', async (t) => {
  const lab = stretched();
  await lab.control.cutLink('site-a', 'site-b');
  await lab.verb('lab-a', 'fence', [group()]);
  await lab.verb('lab-b', 'fence', [group()]);
  t.not((await statusAt(lab, 'a')).lineage, (await statusAt(lab, 'b')).lineage);
  await lab.verb('lab-compute-b', 'register', [vm()]);
  t.deepEqual(said(await lab.verb('lab-compute-b', 'powerOn', [vm()])), ['ok']);
  t.deepEqual(await lab.control.verify(), []);
  await lab.control.healLink('site-a', 'site-b');
  const access = [await statusAt(lab, 'a'), await statusAt(lab, 'b')].map((end) => end.access);
  t.deepEqual([...access].sort(), ['read-only', 'read-write']);
  t.deepEqual(await lab.control.verify(), []);
});

test('verbs of roles are refused on a stretched device; what asks for nothing succeeds', async (t) => {
  const lab = stretched();
  for (const verb of ['prepareFailover', 'failover'] as const) {
    const answers = await lab.verb('lab-b', verb, [group()], { args: { force: true } });
    t.deepEqual(said(answers), ['refused STRETCHED'], verb);
  }
  for (const verb of ['sync', 'reverse', 'resync'] as const) {
    const answers = await lab.verb('lab-a', verb, [group()], { args: { changes: 'keep' } });
    t.deepEqual(said(answers), ['ok'], verb);
  }
});

test('a VM left on from before a loss is powered off: the one that followed it goes on', async (t) => {
  const lab = stretched();
  await prefer(lab, 'site-b');
  await lab.control.loseSite('site-a', { vms: 'keep' });
  t.deepEqual(await start(lab, 'b'), ['ok']);
  await lab.control.returnSite('site-a');
  const args = { toComputeId: 'lab-compute-a' };
  const moved = await lab.verb('lab-compute-b', 'migrateLive', [vm()], { args });
  t.deepEqual(said(moved), ['conflict CUT_OFF']);
  await lab.verb('lab-compute-a', 'powerOff', [vm()]);
  t.deepEqual(await start(lab, 'a'), ['conflict RUNS_ELSEWHERE']);
  const before = await heartbeat(lab, 'b');
  await lab.time.advance(100);
  t.is(await heartbeat(lab, 'b'), before + 10);
});

test('verify: each rule on stretched devices finds the breach that it is for', async (t) => {
  const breaches: readonly (readonly [string, (lab: TestLab) => void])[] = [
    [
      'ends-differ',
      ({ lab }) => {
        const end = lab.world.storages.get('lab-b')?.devices.get(device('b'));
        if (end !== undefined) end.preferredSiteId = 'site-b';
      },
    ],
    [
      'heartbeat-lost',
      ({ lab }) => {
        const migration = lab.world.migrations.get('vm-00001');
        if (migration !== undefined) migration.acknowledged += 1;
      },
    ],
    [
      'running-twice',
      ({ lab }) => {
        const [a, b] = [...lab.world.computes.values()].map((compute) => compute.vms.production);
        const [left, right] = [a?.get('vm-00001'), b?.get('vm-00001')];
        if (left !== undefined) Object.assign(left, { on: true, registered: true });
        if (left !== undefined) left.boot = right?.boot;
      },
    ],
  ];
  for (const [rule, breach] of breaches) {
    const lab = stretched();
    const args = { toComputeId: 'lab-compute-b' };
    await lab.verb('lab-compute-a', 'migrateLive', [vm()], { args });
    t.deepEqual(await lab.control.verify(), []);
    breach(lab);
    t.deepEqual(
      (await lab.control.verify()).map((found) => found.rule),
      [rule],
    );
  }
});
