/** What happens to a pair of real storage daemons beside failovers: links, deaths, copies. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { pidOf } from '@siteswap/plugin-qemu/inspect';
import test, { type ExecutionContext } from 'ava';
import { reachArray } from '../../plugins/qemu/array.ts';
import { takeMonitor } from '../../plugins/qemu/daemon.ts';
import type { Datastore } from '../../sdk/plugin/index.ts';
import { NbdHost } from './_support/nbd.ts';
import {
  type End,
  identical,
  makeRig,
  type Rig,
  Rig as RigClass,
  sizeBytes,
} from './_support/qemu.ts';
import { readWrites, startWriter, type Writer } from './_support/writer.ts';

const run = promisify(execFile);

const writerAt = async (rig: Rig, end: End, from?: number): Promise<Writer> => {
  await rig.mount(end);
  return startWriter(rig.address(end), await rig.exportName(end), from);
};

const someWrites = async (writer: Writer, count: number): Promise<void> => {
  const until = writer.acknowledged() + count;
  while (writer.acknowledged() < until) await sleep(2);
};

/** As array a says it. QEMU ends a mirror a moment after the first write that its target missed. */
const onceBroken = async (rig: Rig) => {
  for (;;) {
    const status = await rig.status('a');
    if (status.pairState === 'broken') return status;
    await sleep(10);
  }
};

/** A way to array b that can be cut. */
const linkTo = async (t: ExecutionContext) => {
  const path = join(tmpdir(), `siteswap-link-${process.pid}-${Date.now()}.sock`);
  const sockets = new Set<Socket>();
  let target = '';
  let isCut = false;
  let isMute = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    if (isMute) return near.on('error', () => undefined).resume();
    const far = dial(target);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => other.destroy());
      one.pipe(other);
    }
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await rm(path, { force: true });
  });
  return {
    address: { path },
    to: (rig: Rig) => {
      target = join(rig.directory('b'), 'nbd.sock');
    },
    cut: (cut: boolean) => {
      isCut = cut;
      if (cut) for (const socket of sockets) socket.destroy();
    },
    mute: (mute: boolean) => {
      isMute = mute;
    },
  };
};

test.serial(
  'link loss (synchronous): host writes go on, the pair is broken and counts; back → the delta, equal',
  async (t) => {
    const link = await linkTo(t);
    const rig = await makeRig(t, 'synchronous', { links: { b: link.address } });
    link.to(rig);
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    t.is((await rig.status('a')).pairState, 'synchronized');
    link.cut(true);
    await someWrites(writer, 50);
    const broken = await onceBroken(rig);
    t.true((broken.divergedBytes ?? 0) > 0);
    t.like(await rig.fault('a', 'sync'), { kind: 'unreachable' });
    await someWrites(writer, 10);
    link.cut(false);
    const { movedBytes } = await rig.must('a', 'sync');
    t.true(Number(movedBytes) <= 4 * 1024 * 1024, `moved ${movedBytes}`);
    t.is((await rig.status('a')).pairState, 'synchronized');
    await writer.stop();
    await rig.unmount('a');
    await rig.must('a', 'sync');
    t.is(await rig.equalAtRest(), identical);
  },
);

/** A group beside `g`, turned: its source is array b. */
const turned = { id: 'h', devices: ['h'] };

test.serial(
  'two groups that go opposite ways begin to send at one moment, again and again → both arrays go on',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous', {
      beside: [{ id: 'h', mode: 'asynchronous', devices: [{ id: 'h', sizeBytes }] }],
    });
    await rig.array.a.must('prepareFailover', [turned]);
    for (const verb of ['failover', 'reverse'] as const) {
      await rig.array.b.must(verb, [turned], { args: { force: false, changes: 'discard' } });
    }
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([rig.must('a', 'sync'), rig.array.b.must('sync', [turned])]);
    }
    t.is((await rig.status('a')).pairState, 'synchronized');
    t.is((await rig.status('b')).pairState, 'synchronized');
  },
);

test.serial(
  'a link that takes what is sent and gives nothing back → unreachable, and its source serves its hosts',
  async (t) => {
    const link = await linkTo(t);
    const rig = await makeRig(t, 'synchronous', { links: { b: link.address } });
    link.to(rig);
    const writer = await writerAt(rig, 'a');
    link.mute(true);
    t.like(await rig.fault('a', 'sync'), { kind: 'unreachable' });
    await someWrites(writer, 10);
    link.mute(false);
    await rig.must('a', 'sync');
    await writer.stop();
  },
);

test.serial(
  'mounted after the mirror began (synchronous) → what is written then is mirrored too, and survives the disaster',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    await rig.must('a', 'sync');
    const writer = await writerAt(rig, 'a');
    await someWrites(writer, 50);
    await rig.kill('a');
    await writer.ended;
    await rig.must('b', 'failover', { force: true });
    await rig.mount('b');
    const held = await readWrites(rig.address('b'), await rig.exportName('b'));
    t.deepEqual(held.holes, []);
    t.true(held.newest >= writer.acknowledged(), `held ${held.newest}`);
  },
);

test.serial(
  'link loss in mid-resync, then a disaster → the replica stands on what it held when the link broke',
  async (t) => {
    const link = await linkTo(t);
    const rig = await makeRig(t, 'synchronous', { links: { b: link.address } });
    link.to(rig);
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    await someWrites(writer, 20);
    link.cut(true);
    const atCut = writer.acknowledged();
    await someWrites(writer, 50);
    t.is((await rig.fault('a', 'sync'))?.kind, 'unreachable');
    await rig.kill('a');
    await writer.ended;
    await rig.must('b', 'failover', { force: true });
    await rig.mount('b');
    const held = await readWrites(rig.address('b'), await rig.exportName('b'));
    t.deepEqual(held.holes, []);
    t.true(held.newest >= atCut && held.newest < writer.acknowledged(), `held ${held.newest}`);
  },
);

test.serial(
  'test failover (synchronous): replication goes on; the copy sees none of it, production none of the copy',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    await someWrites(writer, 50);
    await rig.must('b', 'testFailoverStart');
    await rig.mount('b', 'test');
    const before = await readWrites(rig.address('b'), 'r@test');
    t.deepEqual(before.holes, []);
    await someWrites(writer, 50);
    t.deepEqual(await readWrites(rig.address('b'), 'r@test'), before);
    const tester = await NbdHost.attach(rig.address('b'), 'r@test');
    await tester.write(0, Buffer.alloc(4096, 0x77));
    t.is((await rig.fault('b', 'testFailoverStop'))?.kind, 'conflict');
    t.is((await rig.status('a')).pairState, 'synchronized');
    tester.drop();
    await rig.unmount('b', 'test');
    await rig.must('b', 'testFailoverStop');
    await writer.stop();
    await rig.unmount('a');
    await rig.must('a', 'sync');
    await rig.mount('a');
    const host = await NbdHost.attach(rig.address('a'), await rig.exportName('a'));
    t.deepEqual(await host.read(0, 4), Buffer.alloc(4));
    host.drop();
    await rig.unmount('a');
    t.is(await rig.equalAtRest(), identical);
  },
);

test.serial(
  'divergence: both ends write, each in its lineage → counted at both; resync from A keeps what B held',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const atA = await writerAt(rig, 'a');
    await someWrites(atA, 20);
    await rig.must('a', 'sync');
    await rig.must('b', 'failover', { force: true });
    const atB = await writerAt(rig, 'b', 10_000);
    await Promise.all([someWrites(atA, 40), someWrites(atB, 40)]);
    // A moment after the writes: QEMU ends the mirror, and counts from then on.
    for (const end of ['a', 'b'] as const) {
      while (((await rig.status(end)).divergedBytes ?? 0) === 0) await someWrites(atA, 1);
      t.is((await rig.status(end)).access, 'read-write');
    }
    const { snapshot } = await rig.must('a', 'resync', { changes: 'keep' });
    await atB.ended;
    const kept = join(rig.directory('b'), 'groups', 'g', 'kept', String(snapshot));
    t.true(existsSync(kept));
    t.like(await rig.status('b'), { direction: 'incoming', access: 'read-only' });
    await atA.stop();
    await rig.unmount('a');
    await rig.must('a', 'sync');
    t.is(await rig.equalAtRest(), identical);
    t.deepEqual(await rig.kept('b'), [String(snapshot)]);
    await rig.must('b', 'removeSnapshot', { name: '../..' });
    t.true(existsSync(kept), 'a name is no path');
    await rig.must('b', 'removeSnapshot', { name: String(snapshot) });
    t.false(existsSync(kept));
    t.deepEqual(await rig.kept('b'), []);
    await rig.must('b', 'removeSnapshot', { name: String(snapshot) });
    t.is(await rig.equalAtRest(), identical);
  },
);

test.serial(
  'death of the replica’s daemon (SIGKILL) → started again by its array, not trusted, made equal again',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    await someWrites(writer, 30);
    await rig.kill('b');
    await someWrites(writer, 30);
    await onceBroken(rig);
    t.is((await rig.fault('a', 'sync'))?.kind, 'unreachable');
    await rig.device('b');
    await rig.must('a', 'sync');
    await writer.stop();
    await rig.unmount('a');
    await rig.must('a', 'sync');
    t.is(await rig.equalAtRest(), identical);
  },
);

test.serial(
  'death of the replica’s daemon (SIGKILL) while nobody writes → its mirror is not believed, made equal again',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    await someWrites(writer, 100);
    await writer.stop();
    await rig.kill('b');
    t.is((await rig.device('b')).pairState, 'unsynchronized');
    await rig.must('a', 'sync');
    t.is((await rig.device('b')).pairState, 'synchronized');
    t.is(await rig.equalAtRest(), identical);
  },
);

test.serial(
  'death of the source’s daemon (SIGKILL) in mid-write → mounted again by hand, the pair equal again by delta',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    await someWrites(writer, 30);
    await rig.kill('a');
    await writer.ended;
    t.is((await rig.device('a')).pairState, 'unsynchronized');
    const [datastore] = await rig.compute.a.all<Datastore>('listDatastores', 10);
    t.false(datastore?.mounted);
    const again = await writerAt(rig, 'a', 10_000);
    await someWrites(again, 10);
    const { movedBytes } = await rig.must('a', 'sync');
    t.true(Number(movedBytes) <= 4 * 1024 * 1024, `moved ${movedBytes}`);
    await again.stop();
    await rig.unmount('a');
    await rig.must('a', 'sync');
    t.is(await rig.equalAtRest(), identical);
  },
);

test.serial(
  'a plugin that died → the next one adopts the daemons, their jobs and their writers',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    const pid = await pidOf(rig.directory('a'), 'a');
    const next = new RigClass(rig.root);
    t.like(await next.status('a'), { pairState: 'synchronized', access: 'read-write' });
    await someWrites(writer, 20);
    t.is(await pidOf(rig.directory('a'), 'a'), pid);
    await writer.stop();
  },
);

test.serial(
  'a writer that is attached → demoting is refused with QEMU’s own words, and it goes on',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous');
    const writer = await writerAt(rig, 'a');
    const fault = await rig.fault('a', 'prepareFailover');
    t.like(fault, { kind: 'conflict', code: 'GenericError' });
    t.regex(String(fault?.message), /still in use/);
    await someWrites(writer, 10);
    await writer.stop();
  },
);

test.serial(
  'identity: both ends name each other, and the exports say it to anybody who lists them',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    await rig.mount('a');
    await rig.must('a', 'sync');
    t.like(await rig.device('a'), { id: 'd', peer: { arrayId: 'b', deviceId: 'r' } });
    t.like(await rig.device('b'), { id: 'r', peer: { arrayId: 'a', deviceId: 'd' } });
    for (const [end, name, words] of [
      ['a', await rig.exportName('a'), 'a/d, peer b/r'],
      ['b', 'replica:r', 'b/r, replica of a/d'],
    ] as const) {
      const socket = join(rig.directory(end), 'nbd.sock');
      const { stdout } = await run('qemu-nbd', ['--list', '-k', socket]);
      t.true(stdout.includes(name) && stdout.includes(words), stdout);
    }
  },
);

test.serial(
  'a start of a daemon that was cut off, at several moments → the next call finds that one, and it serves',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const storage = await reachArray(rig.directory('a'), 'a', true);
    const take = async (waitMs: number): Promise<void> =>
      (await takeMonitor(storage, AbortSignal.timeout(waitMs))).release();
    for (let round = 0; round < 5; round++) {
      await rig.kill('a');
      for (const waitMs of [0, 1, 5, 10]) await take(waitMs).catch(() => undefined);
      await t.notThrowsAsync(take(60_000));
    }
  },
);
