/** Named snapshots of real storage daemons: of one moment, while hosts and a guest write. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { heartbeatMagic, heartbeatOffset } from '@siteswap/plugin-qemu/guest';
import { killArray, stateOf } from '@siteswap/plugin-qemu/inspect';
import { provisionShared } from '@siteswap/plugin-qemu/provision';
import test, { type ExecutionContext } from 'ava';
import { reachArray } from '../../plugins/qemu/array.ts';
import { catalogEnd } from '../../plugins/qemu/catalog.ts';
import {
  groupAt,
  type HeldGroup,
  type StoredDevice,
  tokenOf,
  withGroup,
} from '../../plugins/qemu/group.ts';
import { finishFold, freeze } from '../../plugins/qemu/layers.ts';
import { nodeOf } from '../../plugins/qemu/names.ts';
import { operationIdOf } from '../../plugins/qemu/operations.ts';
import { powerOn } from '../../plugins/qemu/power.ts';
import type { DeviceStatus } from '../../sdk/plugin/index.ts';
import { ownLicence } from '../../sdk/plugin/kit/index.ts';
import { callWith, goesOn, plainSites, statusOf, vmOf } from '../_support/qemu.ts';
import {
  type End,
  identical,
  type Mode,
  makeRig,
  type Rig,
  remoteAt,
  sizeBytes,
} from './_support/qemu.ts';
import { readWrites, startWriter, type Writer, writesIn } from './_support/writer.ts';

const run = promisify(execFile);

/** A snapshot's image as a host would see it. */
const bytesOf = async (image: string): Promise<Buffer> => {
  const raw = `${image}.raw`;
  await run('qemu-img', ['convert', '-O', 'raw', image, raw]);
  const bytes = await readFile(raw);
  await rm(raw);
  return bytes;
};

const imageOf = (directory: string, group: string, snapshot: string, device: string): string =>
  join(directory, 'groups', group, 'kept', snapshot, `${device}.qcow2`);

/** What a snapshot at one end holds of the numbered writes, device by device. */
const heldBy = async (rig: Rig, end: End, snapshot: string) => {
  const images = rig.ids(end).map((id) => imageOf(rig.directory(end), 'g', snapshot, id));
  return Promise.all(images.map(async (image) => writesIn(await bytesOf(image))));
};

const writerAt = async (rig: Rig, end: End, from?: number): Promise<Writer> => {
  await rig.mount(end);
  const names: string[] = [];
  for (const index of rig.ids(end).keys()) names.push(await rig.exportName(end, index));
  return startWriter(rig.address(end), names, from);
};

const someWrites = async (writer: Writer, count: number): Promise<void> => {
  const until = writer.acknowledged() + count;
  while (writer.acknowledged() < until) await sleep(2);
};

const pointsAt = (rig: Rig, end: End) => rig.array[end].value('recoveryPoints', rig.group(end));

/** A moment between two acknowledged writes: no hole, and no device ahead of the one before. */
const isOfOneMoment = async (rig: Rig, end: End, snapshot: string): Promise<number> => {
  const [first, second] = await heldBy(rig, end, snapshot);
  const [ahead = 0, behind = 0] = [first?.newest, second?.newest];
  const whole = first?.holes.length === 0 && second?.holes.length === 0;
  const inOrder = ahead === behind || ahead === behind + 1;
  if (!whole || !inOrder) throw new Error(JSON.stringify({ first, second }));
  return behind;
};

/** Both devices, at both ends of the pair. */
const expectIdentical = async (t: ExecutionContext, rig: Rig): Promise<void> => {
  for (const device of [0, 1]) t.is(await rig.equalAtRest(device), identical);
};

const names = ['first', 'second', 'third', 'fourth'];

/** Which end's layers the moments are frozen in. */
for (const [mode, frozenAt] of [
  ['synchronous', 'b'],
  ['asynchronous', 'a'],
] as const satisfies readonly (readonly [Mode, End])[]) {
  test.serial(
    `snapshots (${mode}): a host writes to two devices in turn → each of one moment, in its call; replication as before`,
    async (t) => {
      const rig = await makeRig(t, mode, { devices: 2 });
      const writer = await writerAt(rig, 'a');
      await rig.must('a', 'sync');
      const points = await pointsAt(rig, 'b');
      const states = new Set<string>();
      const asked: [number, number][] = [];
      for (const name of names) {
        await someWrites(writer, 30);
        const before = writer.acknowledged();
        await rig.must('a', 'snapshot', { name });
        asked.push([before, writer.acknowledged() + 1]);
        states.add((await rig.status('a')).pairState).add((await rig.status('b')).pairState);
      }
      await someWrites(writer, 30);
      t.deepEqual([...states], ['synchronized']);
      t.deepEqual(await rig.kept('a'), names);
      t.deepEqual(await rig.kept('b'), []);
      for (const [index, name] of names.entries()) {
        const held = await isOfOneMoment(rig, 'a', name);
        const [from, to] = asked[index] as [number, number];
        t.true(held >= from && held <= to, `${name} holds ${held}, not ${from} to ${to}`);
      }
      t.deepEqual(await pointsAt(rig, 'b'), points, 'no recovery point came of it');
      const { layers } = await rig.state(frozenAt);
      t.true(layers.length <= 4, `${layers.length} layers`);
      await writer.stop();
      await rig.unmount('a');
      await rig.must('a', 'sync');
      await expectIdentical(t, rig);
    },
  );

  test.serial(
    `snapshot (${mode}), then a planned failover without a write between → nothing acknowledged is lost`,
    async (t) => {
      const rig = await makeRig(t, mode, { devices: 2 });
      const writer = await writerAt(rig, 'a');
      await rig.must('a', 'sync');
      await someWrites(writer, 40);
      await writer.stop();
      await rig.must('a', 'snapshot', { name: 'before' });
      await rig.unmount('a');
      await rig.must('a', 'snapshot', { name: 'unmounted' });
      await rig.must('a', 'prepareFailover');
      await rig.must('a', 'snapshot', { name: 'demoted' });
      await rig.must('b', 'failover', { force: false });
      await rig.must('b', 'snapshot', { name: 'promoted' });
      for (const name of ['before', 'unmounted', 'demoted']) {
        t.is(await isOfOneMoment(rig, 'a', name), writer.acknowledged(), name);
      }
      t.is(await isOfOneMoment(rig, 'b', 'promoted'), writer.acknowledged());
      await expectIdentical(t, rig);
    },
  );
}

test.serial(
  'snapshot of what was written since a promote → still counted, not given up by an undo, and sent back whole',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous', { devices: 2 });
    await rig.must('a', 'sync');
    await rig.must('a', 'prepareFailover');
    await rig.must('b', 'failover', { force: false });
    const writer = await writerAt(rig, 'b');
    await someWrites(writer, 40);
    await writer.stop();
    const { divergedBytes } = await rig.status('b');
    for (const name of ['one', 'two']) await rig.must('b', 'snapshot', { name });
    t.is((await rig.status('b')).divergedBytes, divergedBytes);
    await rig.unmount('b');
    const fault = await rig.fault('b', 'restoreReplication', { to: { r: 'incoming' } });
    t.is(fault?.code, 'QEMU_WRITTEN_SINCE');
    await rig.must('b', 'reverse');
    await expectIdentical(t, rig);
    t.is(await isOfOneMoment(rig, 'b', 'two'), writer.acknowledged());
  },
);

test.serial(
  'snapshot of a replica (asynchronous) → its newest recovery point, whatever arrives meanwhile',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous', { devices: 2 });
    const writer = await writerAt(rig, 'a');
    await someWrites(writer, 40);
    await rig.must('a', 'sync');
    const atSync = writer.acknowledged();
    await someWrites(writer, 40);
    await rig.must('b', 'snapshot', { name: 'replica' });
    const held = await isOfOneMoment(rig, 'b', 'replica');
    t.true(held >= 40 && held <= atSync + 1, `held ${held}, synced at ${atSync}`);
    await writer.stop();
  },
);

test.serial(
  'snapshot of a mirrored group whose peer died → busy or unreachable; the mirror broken → taken here',
  async (t) => {
    const rig = await makeRig(t, 'synchronous', { devices: 2 });
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    await someWrites(writer, 20);
    await rig.kill('b');
    for (;;) {
      const fault = await rig.fault('a', 'snapshot', { name: 'alone' });
      if (fault === undefined) break;
      t.true(['busy', 'unreachable'].includes(fault.kind), JSON.stringify(fault));
      await someWrites(writer, 1);
    }
    t.true((await isOfOneMoment(rig, 'a', 'alone')) >= 20);
    t.is((await rig.status('a')).pairState, 'broken');
    await rig.device('b');
    await rig.must('a', 'sync');
    t.is((await rig.status('a')).pairState, 'synchronized');
    await writer.stop();
    await rig.unmount('a');
    await rig.must('a', 'sync');
    await expectIdentical(t, rig);
  },
);

test.serial(
  'snapshot below a guest that runs on a mirrored pair → its heartbeat of that moment; it goes on in its boot',
  async (t) => {
    const sites = await plainSites(t);
    const [id = ''] = sites.vmIds;
    const other = join(sites.root, 'other');
    const here = remoteAt('a', 'a', { directory: sites.storage, peers: { b: other } });
    const there = remoteAt('b', 'b', { directory: other, peers: { a: sites.storage } });
    t.teardown(() => Promise.all([here.forgetSession(), there.forgetSession()]));
    await there.all('discoverDevices', 10);
    const group = { id: 'g-d1', devices: ['d1'] };
    await powerOn(sites.a, callWith(), vmOf(id));
    await here.must('sync', [group]);
    await goesOn(sites.a, id);
    const { bootId } = await statusOf(sites.a, id);
    const before = (await statusOf(sites.a, id)).heartbeat ?? 0;
    await here.must('snapshot', [group], { args: { name: 'guest' } });
    const after = (await statusOf(sites.a, id)).heartbeat ?? 0;
    await goesOn(sites.a, id);
    t.is((await statusOf(sites.a, id)).bootId, bootId);
    const [device] = (await here.value<readonly DeviceStatus[]>('deviceStatus', group)) ?? [];
    t.is(device?.pairState, 'synchronized');
    const bytes = await bytesOf(imageOf(sites.storage, 'g-d1', 'guest', 'd1'));
    const at = catalogEnd + heartbeatOffset;
    t.is(bytes.toString('latin1', at, at + 4), heartbeatMagic);
    const held = bytes.readUInt32LE(at + 4);
    t.true(held >= before && held <= after + 1, `held ${held}, called from ${before} to ${after}`);
  },
);

test.serial(
  'snapshots beside the test copy of a shared device → the copy keeps the moment that it was made at',
  async (t) => {
    const root = await mkdtemp(join(tmpdir(), 'sq-'));
    const directory = join(root, 'a');
    await provisionShared({
      storage: { id: 'a', directory },
      otherId: 'b',
      siteIds: ['site-a', 'site-b'],
      groups: [{ id: 'g', devices: [{ id: 'd', sizeBytes }] }],
    });
    const storage = remoteAt('a', 'a', { directory });
    const hosts = remoteAt('hosts', 'a', {
      directory: join(root, 'hosts'),
      arrays: { a: directory },
    });
    t.teardown(async () => {
      for (const remote of [storage, hosts]) await remote.forgetSession();
      await killArray(directory, 'a');
      await rm(root, { recursive: true });
    });
    const group = { id: 'g', devices: ['d'] };
    const datastore = (instance: 'production' | 'test') => ({ id: 'ds-d', instance });
    await storage.all('discoverDevices', 10);
    await hosts.must('mount', [datastore('production')]);
    const address = { path: join(directory, 'nbd.sock') };
    const { lineage } = await stateOf(directory, 'a', 'd');
    const writer = await startWriter(address, `d@${lineage}/hosts`);
    await someWrites(writer, 30);
    await storage.must('testFailoverStart', [group]);
    await hosts.must('mount', [datastore('test')]);
    const before = await readWrites(address, 'd@test');
    t.deepEqual(before.holes, []);
    t.true(before.newest >= 30);
    for (const name of ['one', 'two']) {
      await someWrites(writer, 30);
      await storage.must('snapshot', [group], { args: { name } });
    }
    t.deepEqual(await readWrites(address, 'd@test'), before);
    await hosts.must('unmount', [datastore('test')]);
    await storage.must('testFailoverStop', [group]);
    t.is((await stateOf(directory, 'a', 'd')).layers.length, 3);
    await writer.stop();
    const held = await writesIn(await bytesOf(imageOf(directory, 'g', 'two', 'd')));
    t.true(held.holes.length === 0 && held.newest >= 90, JSON.stringify(held));
  },
);

/** The group as array a holds it, under its lock. */
const heldAt = async <T>(rig: Rig, body: (held: HeldGroup) => Promise<T>): Promise<T> => {
  const storage = await reachArray(rig.directory('a'), 'a', true);
  return withGroup(groupAt(storage, 'g'), ownLicence(), body);
};

test.serial(
  'a sync that had begun, a snapshot, the same sync again → the copy is of the moment of the sync',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous', { devices: 2 });
    const writer = await writerAt(rig, 'a');
    await someWrites(writer, 40);
    const key = 'run/sync/run/1';
    const id = operationIdOf(key, 'sync/g');
    await heldAt(rig, (held) => freeze(held, { id, atMs: Date.now(), by: 'a' }));
    const atSync = writer.acknowledged() + 1;
    await someWrites(writer, 40);
    await rig.must('a', 'snapshot', { name: 'later' });
    await rig.array.a.must('sync', [rig.group('a')], { key });
    await writer.stop();
    await rig.must('b', 'snapshot', { name: 'copy' });
    t.true((await isOfOneMoment(rig, 'b', 'copy')) <= atSync, 'nothing of later is in the copy');
    await rig.unmount('a');
    await rig.must('a', 'sync');
    await expectIdentical(t, rig);
  },
);

test.serial(
  'who put layers together died between two devices → the one left out is put together too',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous', { devices: 2 });
    const writer = await writerAt(rig, 'a');
    await heldAt(rig, async (held) => {
      for (let frozen = 0; frozen < 2; frozen++) {
        await someWrites(writer, 30);
        await freeze(held, undefined);
      }
      const [, into = '', top = '', last = ''] = held.state.layers.map(({ id }) => id);
      await held.commit({ ...held.state, folding: top, foldingInto: into });
      const [device] = held.state.devices as [StoredDevice];
      const { qmp } = await held.monitor();
      await qmp.must('block-commit', {
        'job-id': `fold-${tokenOf(held.at, device)}`,
        device: nodeOf(held.at, device, last),
        'top-node': nodeOf(held.at, device, top),
        'base-node': nodeOf(held.at, device, into),
        'auto-dismiss': false,
      });
    });
    await writer.stop();
    await heldAt(rig, finishFold);
    t.is((await rig.state('a')).layers.length, 3);
    await rig.must('a', 'snapshot', { name: 'after' });
    t.is(await isOfOneMoment(rig, 'a', 'after'), writer.acknowledged());
  },
);
