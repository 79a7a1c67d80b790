/** Whole runs of a real daemon over real arrays, with a host that writes: there, and home again. */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  DivergedChoice,
  Mode,
  RecoveryState,
  RunEventType,
  RunResult,
} from '../../sdk/client/index.ts';
import { type DaemonConfig, startDaemon, type TestDaemon } from '../../sdk/testing/index.ts';
import { loseArray } from './_support/lost-array.ts';
import { type End, identical, makeRig, type Mode as PairMode, type Rig } from './_support/qemu.ts';
import { readWrites, startWriter, type Writer } from './_support/writer.ts';

const configOf = (rig: Rig): DaemonConfig => {
  const storage = (id: End, peer: End) => ({
    id,
    site: `site-${id}`,
    plugin: 'qemu',
    config: { directory: rig.directory(id), peers: { [peer]: rig.directory(peer) } },
  });
  return {
    site: 'site-b',
    sites: [{ id: 'site-a' }, { id: 'site-b' }],
    plugins: [{ id: 'qemu', module: '@siteswap/plugin-qemu' }],
    arrays: [storage('a', 'b'), storage('b', 'a')],
    computes: [],
  };
};

interface On {
  readonly rig: Rig;
  readonly daemon: TestDaemon;
}

/** A daemon that knows the plan `move`: the group from site-a to site-b. */
const start = async (t: ExecutionContext, mode: PairMode): Promise<On> => {
  const rig = await makeRig(t, mode);
  const daemon = await startDaemon({ config: configOf(rig) });
  t.teardown(() => daemon.stop());
  await daemon.client.plans.create({
    id: 'move',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: [{ id: 'pg', groups: [{ arrayId: 'a', id: 'g' }] }],
  });
  return { rig, daemon };
};

const writerAt = async (rig: Rig, end: End, from?: number): Promise<Writer> => {
  await rig.mount(end);
  return startWriter(rig.address(end), await rig.exportName(end), from);
};

const someWrites = async (writer: Writer, count: number): Promise<void> => {
  const until = writer.acknowledged() + count;
  while (writer.acknowledged() < until) await sleep(2);
};

/** Runs to the end; `at` is done when the first task of the step `step` starts. */
const run = async (
  t: ExecutionContext,
  { daemon: { client } }: On,
  mode: Mode,
  more: { diverged?: DivergedChoice; step?: string; at?: () => Promise<void> } = {},
): Promise<void> => {
  const { diverged = DivergedChoice.UNSPECIFIED, step, at } = more;
  const { runId } = await client.runs.start({ planId: 'move', mode, requester: 'ann', diverged });
  if (at !== undefined) {
    for await (const event of client.runs.watch(runId)) {
      if (event.type === RunEventType.TASK_STARTED && event.step === step) break;
    }
    await at();
  }
  const { result, attention, notes } = await client.waitForRun(runId);
  t.is(result, RunResult.SUCCEEDED, `${mode}: ${attention} ${JSON.stringify(notes)}`);
};

/** A host writes until the run brings the last bytes over, as a guest that is shut down. */
const planned = async (t: ExecutionContext, on: On, from: End, writer: Writer): Promise<void> => {
  const leave = async (): Promise<void> => {
    await writer.stop();
    await on.rig.unmount(from);
  };
  await run(t, on, Mode.PLANNED, { step: 'sync', at: leave });
};

const heldAt = async (rig: Rig, end: End) => {
  await rig.mount(end);
  return readWrites(rig.address(end), await rig.exportName(end));
};

/** Where the writer went on, at the other end: nothing that it had acknowledged is missing. */
const goOn = async (t: ExecutionContext, { rig }: On, end: End, last: Writer): Promise<Writer> => {
  t.deepEqual(await heldAt(rig, end), { newest: last.acknowledged(), holes: [] });
  const writer = await writerAt(rig, end, last.acknowledged() + 1);
  await someWrites(writer, 30);
  return writer;
};

/** Back to site-a, where it began, and the copies compared. */
const home = async (t: ExecutionContext, on: On, writer: Writer): Promise<void> => {
  await planned(t, on, 'b', writer);
  const last = await goOn(t, on, 'a', writer);
  await last.stop();
  await on.rig.unmount('a');
  await run(t, on, Mode.REPROTECT);
  await on.daemon.stop();
  t.is(await on.rig.equalAtRest(), identical);
};

test.serial(
  'daemon: planned, reprotect, home (synchronous) with a host writing → 0 acknowledged writes lost, images equal',
  async (t) => {
    const on = await start(t, 'synchronous');
    const first = await writerAt(on.rig, 'a');
    await someWrites(first, 100);
    await planned(t, on, 'a', first);
    const second = await goOn(t, on, 'b', first);
    await run(t, on, Mode.REPROTECT);
    await someWrites(second, 30);
    await home(t, on, second);
  },
);

const said = { siteId: 'site-a', requester: 'ann', reason: 'fire' };

/** The site is gone in mid-write, and a disaster run ends well at the other one. */
const loseSite = async (t: ExecutionContext, on: On) => {
  const { rig } = on;
  const { client } = on.daemon;
  const writer = await writerAt(rig, 'a');
  await someWrites(writer, 50);
  const synced = writer.acknowledged();
  await rig.must('a', 'sync');
  await someWrites(writer, 50);
  const site = await loseArray(t, rig);
  await writer.ended;
  await client.sites.declareLost(said);
  const before = site.calls().length;
  await run(t, on, Mode.DISASTER);
  t.is(site.calls().length, before, site.calls().join(' '));
  await t.notThrowsAsync(site.call(), 'the count counts');
  t.is(site.calls().length, before + 1);
  const held = await heldAt(rig, 'b');
  t.deepEqual(held.holes, []);
  t.log(`acknowledged ${writer.acknowledged()}, synced ${synced}, held ${held.newest}`);
  return { site, synced, acknowledged: writer.acknowledged(), held: held.newest };
};

/** The site is back: fenced, brought up to date by the delta, and failed back to. */
const comeHome = async (t: ExecutionContext, on: On, held: number): Promise<void> => {
  const { client } = on.daemon;
  const writer = await writerAt(on.rig, 'b', held + 1);
  await someWrites(writer, 30);
  await client.sites.declareReachable({ ...said, reason: 'power is back' });
  t.is((await client.sites.recoveries())[0]?.state, RecoveryState.REQUIRED);
  await run(t, on, Mode.FENCE);
  await run(t, on, Mode.REPROTECT, { diverged: DivergedChoice.KEEP });
  t.deepEqual(await client.sites.recoveries(), []);
  await someWrites(writer, 30);
  await home(t, on, writer);
};

test.serial(
  'daemon: disaster (synchronous), SIGKILL in mid-write → 0 writes lost, no call to site A; fenced, resynchronised, home',
  async (t) => {
    const on = await start(t, 'synchronous');
    const { site, acknowledged, held } = await loseSite(t, on);
    t.true(held >= acknowledged, `${acknowledged - held} lost`);
    await site.restore();
    await comeHome(t, on, held);
  },
);

test.serial(
  'daemon: disaster (asynchronous), SIGKILL in mid-write → the last cycle is whole, no call to site A; fenced, resynchronised, home',
  async (t) => {
    const on = await start(t, 'asynchronous');
    const { site, synced, held } = await loseSite(t, on);
    t.true(held >= synced, `held ${held}, synced ${synced}`);
    await site.restore();
    await comeHome(t, on, held);
  },
);

test.serial(
  'daemon: test and cleanup (synchronous) while a host writes → production goes on, mirrored throughout',
  async (t) => {
    const on = await start(t, 'synchronous');
    const { rig } = on;
    const writer = await writerAt(rig, 'a');
    await rig.must('a', 'sync');
    await run(t, on, Mode.TEST);
    await rig.mount('b', 'test');
    const copy = await readWrites(rig.address('b'), 'r@test');
    t.deepEqual(copy.holes, []);
    await someWrites(writer, 30);
    t.is((await rig.status('a')).pairState, 'synchronized');
    t.deepEqual(await readWrites(rig.address('b'), 'r@test'), copy);
    await rig.unmount('b', 'test');
    await run(t, on, Mode.CLEANUP);
    t.is((await rig.state('b')).test, undefined);
    await someWrites(writer, 10);
    await writer.stop();
  },
);

interface Results {
  readonly results: readonly { readonly outcome?: { readonly $case: string } | undefined }[];
}

const asked = (arrayId: string) => ({ arrayId, targets: [{ id: 'g' }], requester: 'rm' });

/** By what is shown only: a test beside it, then over, and replication turned round. */
const overByFirstId = async (t: ExecutionContext, { daemon }: On, from: End, to: End) => {
  const { replication } = daemon.client;
  const ok = (verb: string, { results }: Results) =>
    t.deepEqual([verb, ...results.map(({ outcome }) => outcome?.$case)], [verb, 'success']);
  ok('testFailoverStart', await replication.testFailoverStart(asked(to)));
  ok('testFailoverStop', await replication.testFailoverStop(asked(to)));
  ok('sync', await replication.sync(asked(from)));
  ok('prepareFailover', await replication.prepareFailover(asked(from)));
  ok('failover', await replication.failover(asked(to)));
  ok('reverse', await replication.reverse(asked(to)));
};

/** What both arrays list: ids, and whether they are shown as stretched. */
const shownBy = async ({ daemon }: On): Promise<string[]> => {
  const shown: string[] = [];
  for await (const { devices } of daemon.client.inventory.discoverDevices({ arrayIds: [] })) {
    for (const { id, stretched } of devices) shown.push(`${id} ${stretched}`);
  }
  return shown;
};

test.serial(
  'daemon: a synchronous pair presented as one stretched device → over and home by its first id, equal',
  async (t) => {
    const rig = await makeRig(t, 'synchronous');
    const config = configOf(rig);
    const [a, b] = config.arrays;
    const arrays = [{ ...a, present: 'pair-as-stretched', peer: 'b' }, b] as typeof config.arrays;
    const daemon = await startDaemon({ config: { ...config, arrays } });
    t.teardown(() => daemon.stop());
    const on = { rig, daemon };
    t.deepEqual(await shownBy(on), ['d true', 'd true']);
    let written = 1;
    for (const [from, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const writer = await writerAt(rig, from, written);
      await someWrites(writer, 20);
      await writer.stop();
      await rig.unmount(from);
      written = writer.acknowledged() + 1;
      await overByFirstId(t, on, from, to);
      t.is((await rig.status(to)).direction, 'outgoing');
      t.deepEqual(await heldAt(rig, to), { newest: writer.acknowledged(), holes: [] });
      await rig.unmount(to);
      t.deepEqual(await shownBy(on), ['d true', 'd true']);
    }
    await daemon.stop();
    t.is(await rig.equalAtRest(), identical);
  },
);
