/** Pairs of real storage daemons: what a failover keeps, and what travels for the way back. */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { reachArray } from '../../plugins/qemu/array.ts';
import { groupAt, withPair } from '../../plugins/qemu/group.ts';
import { blockJobsOf } from '../../plugins/qemu/jobs.ts';
import { replicate } from '../../plugins/qemu/replicate.ts';
import { ownLicence } from '../../sdk/plugin/kit/index.ts';
import { type End, identical, type Mode, makeRig, type Rig } from './_support/qemu.ts';
import { readWrites, startWriter, type Writer } from './_support/writer.ts';

const modes: readonly Mode[] = ['synchronous', 'asynchronous'];

const writerAt = async (rig: Rig, end: End, from?: number): Promise<Writer> => {
  await rig.mount(end);
  return startWriter(rig.address(end), await rig.exportName(end), from);
};

const stopAt = async (rig: Rig, end: End, writer: Writer): Promise<void> => {
  await writer.stop();
  await rig.unmount(end);
};

/** A planned failover of a group that nobody writes to any more. */
const moveTo = async (rig: Rig, from: End, to: End): Promise<void> => {
  await rig.must(from, 'sync');
  await rig.must(from, 'prepareFailover');
  await rig.must(to, 'failover', { force: false });
};

const heldAt = async (rig: Rig, end: End) => {
  await rig.mount(end);
  return readWrites(rig.address(end), await rig.exportName(end));
};

const someWrites = async (writer: Writer, count: number): Promise<void> => {
  const until = writer.acknowledged() + count;
  while (writer.acknowledged() < until) await sleep(2);
};

for (const mode of modes) {
  test.serial(
    `planned, reprotect, home (${mode}) → no acknowledged write lost, only the delta travels back`,
    async (t) => {
      const rig = await makeRig(t, mode);
      const first = await writerAt(rig, 'a');
      await someWrites(first, 300);
      await rig.must('a', 'sync');
      await someWrites(first, 50);
      await stopAt(rig, 'a', first);
      await moveTo(rig, 'a', 'b');
      t.deepEqual(await heldAt(rig, 'b'), { newest: first.acknowledged(), holes: [] });

      const second = await writerAt(rig, 'b', first.acknowledged() + 1);
      await someWrites(second, 20);
      const { movedBytes } = await rig.must('b', 'reverse');
      await someWrites(second, 20);
      await stopAt(rig, 'b', second);
      t.true(Number(movedBytes) > 0 && Number(movedBytes) <= 1024 * 1024, `moved ${movedBytes}`);
      await moveTo(rig, 'b', 'a');
      await rig.must('a', 'reverse');
      t.deepEqual(await heldAt(rig, 'a'), { newest: second.acknowledged(), holes: [] });
      await rig.unmount('a');
      t.is(await rig.equalAtRest(), identical);
    },
  );
}

/** Site A dies with SIGKILL in mid-write, its writer attached. */
const disaster = async (t: ExecutionContext, rig: Rig) => {
  const writer = await writerAt(rig, 'a');
  await someWrites(writer, 100);
  await rig.must('a', 'sync');
  await someWrites(writer, 100);
  const synced = writer.acknowledged();
  await rig.must('a', 'sync');
  await someWrites(writer, 100);
  await rig.kill('a');
  await writer.ended;
  const promoted = await rig.must('b', 'failover', { force: true });
  t.not(promoted.lineage, (await rig.state('a')).lineage);
  t.is(await rig.kill('a'), undefined);
  return { writer, synced, held: await heldAt(rig, 'b') };
};

/** A is back: fenced, brought up to date by the delta, and failed back to. */
const comeHome = async (t: ExecutionContext, rig: Rig, newest: number): Promise<void> => {
  t.like(await rig.must('a', 'fence'), { fenced: true });
  const [refused] = await rig.compute.a.call('mount', rig.datastores('a'));
  t.is(refused?.fault?.kind, 'conflict');
  const writer = await writerAt(rig, 'b', newest + 1);
  await someWrites(writer, 20);
  const { movedBytes, snapshot } = await rig.must('b', 'resync', { changes: 'keep' });
  t.true(Number(movedBytes) < 6 * 1024 * 1024, `moved ${movedBytes}`);
  t.regex(String(snapshot), /^before-resync-/);
  await stopAt(rig, 'b', writer);
  await moveTo(rig, 'b', 'a');
  await rig.must('a', 'reverse');
  t.deepEqual(await heldAt(rig, 'a'), { newest: writer.acknowledged(), holes: [] });
  await rig.unmount('a');
  t.is(await rig.equalAtRest(), identical);
};

test.serial(
  'disaster (synchronous): SIGKILL in mid-write → 0 acknowledged writes lost; A fenced, resynchronised by delta, home',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const { writer, held } = await disaster(t, rig);
    t.deepEqual(held.holes, []);
    // One more may have arrived that was never acknowledged.
    t.true(held.newest - writer.acknowledged() === 0 || held.newest - writer.acknowledged() === 1);
    t.log(`acknowledged ${writer.acknowledged()}, held ${held.newest}: RPO 0 writes`);
    await comeHome(t, rig, held.newest);
  },
);

test.serial(
  'disaster (asynchronous): SIGKILL in mid-write → the last cycle, whole; A fenced, resynchronised by delta, home',
  async (t) => {
    const rig = await makeRig(t, 'asynchronous');
    const { writer, synced, held } = await disaster(t, rig);
    t.deepEqual(held.holes, []);
    t.true(held.newest >= synced && held.newest <= writer.acknowledged());
    t.log(`acknowledged ${writer.acknowledged()}, held ${held.newest}`);
    await comeHome(t, rig, held.newest);
  },
);

/** Undone, the target first, as a run that is rolled back does it. */
const undo = async (rig: Rig): Promise<void> => {
  await rig.must('b', 'restoreReplication', { to: { r: 'incoming' } });
  await rig.must('a', 'restoreReplication', { to: { d: 'outgoing' } });
};

/** Ways in which the flow of a synchronous pair stops, and begins again without a sync. */
const pauses: Readonly<Record<string, (rig: Rig) => Promise<void>>> = {
  'a planned failover that is undone': async (rig) => {
    await moveTo(rig, 'a', 'b');
    await undo(rig);
  },
  'a planned failover and a reverse that are undone': async (rig) => {
    await moveTo(rig, 'a', 'b');
    await rig.must('b', 'reverse');
    await undo(rig);
  },
  'a suspension that ends': async (rig) => {
    await rig.must('a', 'suspendReplication');
    await rig.must('a', 'resumeReplication');
  },
};

for (const [name, pause] of Object.entries(pauses)) {
  test.serial(
    `${name}, then a disaster (synchronous) → both ends said synchronized, 0 acknowledged writes lost`,
    async (t) => {
      const rig = await makeRig(t, 'synchronous');
      const before = await writerAt(rig, 'a');
      await someWrites(before, 50);
      await stopAt(rig, 'a', before);
      await rig.must('a', 'sync');
      await pause(rig);
      t.is((await rig.status('b')).pairState, 'synchronized');
      t.is((await rig.status('a')).pairState, 'synchronized');
      const writer = await writerAt(rig, 'a', before.acknowledged() + 1);
      await someWrites(writer, 100);
      await rig.kill('a');
      await writer.ended;
      await rig.must('b', 'failover', { force: true });
      const held = await heldAt(rig, 'b');
      t.deepEqual(held.holes, []);
      t.true(held.newest >= writer.acknowledged(), `${held.newest} of ${writer.acknowledged()}`);
      await comeHome(t, rig, held.newest);
    },
  );
}

test.serial(
  'a mirror that nobody has seen catch up → neither end says synchronized, a sync makes both say it',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const at = async (end: End) => groupAt(await reachArray(rig.directory(end), end, true), 'g');
    const [source, target] = [await at('a'), await at('b')];
    await withPair(source, target, ownLicence(), async (held, other) => {
      await replicate(held, other, 'point');
      const { qmp } = await held.monitor();
      while (!(await blockJobsOf(qmp)).some(({ status }) => status === 'ready')) await sleep(2);
    });
    for (const end of ['a', 'b'] as const) {
      t.is((await rig.status(end)).pairState, 'unsynchronized', end);
      t.is((await rig.device(end)).pairState, 'unsynchronized', end);
    }
    await rig.must('a', 'sync');
    for (const end of ['a', 'b'] as const) {
      t.is((await rig.status(end)).pairState, 'synchronized', end);
    }
  },
);

test.serial(
  'undone while the target’s daemon is down (synchronous) → neither end says synchronized, a sync makes both say it',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const writer = await writerAt(rig, 'a');
    await someWrites(writer, 20);
    await stopAt(rig, 'a', writer);
    await moveTo(rig, 'a', 'b');
    await rig.must('b', 'restoreReplication', { to: { r: 'incoming' } });
    await rig.kill('b');
    await rig.must('a', 'restoreReplication', { to: { d: 'outgoing' } });
    for (const end of ['a', 'b'] as const) {
      t.is((await rig.device(end)).pairState, 'unsynchronized', end);
    }
    await rig.must('a', 'sync');
    for (const end of ['a', 'b'] as const) {
      t.is((await rig.device(end)).pairState, 'synchronized', end);
    }
  },
);
