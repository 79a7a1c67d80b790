/** Storage migrations through the API, and the failovers that find them at any stage. */
import test, { type ExecutionContext } from 'ava';
import {
  CallError,
  Mode,
  type ResolvedVm,
  type RunReport,
  RunResult,
} from '../../sdk/client/index.ts';
import { failure } from '../_support/api.ts';
import {
  type LabDaemon,
  type LabDaemonOptions,
  labPlan,
  startOnLab,
} from '../_support/daemon-on-lab.ts';

const vmId = 'vm-00001';
const requester = 'ann';

interface Scene extends LabDaemon {
  /** Datastores: of the VM, and of the other group. */
  readonly home: string;
  readonly other: string;
  /** Of the other one, at lab-a. */
  readonly deviceId: string;
  readonly move: { computeId: string; moves: object[]; requester: string };
}

const start = async (
  t: ExecutionContext,
  world: LabDaemonOptions['world'] = {},
): Promise<Scene> => {
  const on = await startOnLab({ world: { groups: 2, vmsPerGroup: 2, ...world } });
  t.teardown(on.close);
  await on.daemon.client.plans.create(labPlan('p', ['cg-0001', 'cg-0002']));
  const at = { computeId: 'lab-compute-a' };
  const vms = await collect(on.daemon.client.inventory.vms(at));
  const stores = await collect(on.daemon.client.inventory.datastores(at));
  const home = vms.find(({ id }) => id === vmId)?.datastoreIds[0] ?? '';
  const there = stores.find(({ id }) => id !== home);
  const other = there?.id ?? '';
  const deviceId = there?.devices[0]?.deviceId ?? '';
  const moves = [{ vmId, toDatastoreId: other }];
  return { ...on, home, other, deviceId, move: { computeId: 'lab-compute-a', moves, requester } };
};

const run = async ({ daemon: { client } }: Scene, mode: Mode) => {
  const { runId } = await client.runs.start({ planId: 'p', mode, requester });
  const ended = await client.waitForRun(runId);
  return { ...ended, report: await client.runs.report(runId) };
};

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

const told = (report: RunReport): object =>
  report.items.find(({ itemId }) => itemId === vmId)?.evidence ?? {};

const loseA = async ({ daemon: { client }, lab }: Scene): Promise<() => Promise<number>> => {
  await lab.loseSite('site-a');
  await client.sites.declareLost({ siteId: 'site-a', requester, reason: 'fire' });
  const count = async () => {
    const calls = await Promise.all(['lab-a', 'lab-compute-a'].map((id) => lab.calls(id)));
    return calls.reduce((sum, { total }) => sum + total, 0);
  };
  const before = await count();
  return async () => (await count()) - before;
};

const resolved = async (
  { daemon: { client } }: Scene,
  computeId: string,
  instance?: 'INSTANCE_TEST',
): Promise<ResolvedVm | undefined> => {
  const request = { computeId, vmIds: [vmId], ...(instance === undefined ? {} : { instance }) };
  return (await client.migrations.resolveInstances(request as never))[0];
};

test.serial(
  'a VM moves its disks and stays on; then it fails over from where it stands',
  async (t) => {
    const on = await start(t);
    const { client } = on.daemon;
    const { runId } = await client.migrations.migrateStorage(on.move);
    t.is((await client.waitForRun(runId)).result, RunResult.SUCCEEDED);
    t.deepEqual(
      (await on.lab.runs(vmId)).map(({ computeId }) => computeId),
      ['lab-compute-a'],
    );
    const before = await resolved(on, 'lab-compute-a');
    t.like(before?.outcome, { $case: 'chosen', value: { datastoreIds: [on.other] } });
    t.like(before?.copies, [{ datastoreId: on.other, record: { state: 'completed' } }]);

    const tested = await run(on, Mode.TEST);
    t.is(tested.result, RunResult.SUCCEEDED, tested.attention);
    t.like(told(tested.report), { instance: on.other });
    t.like(await resolved(on, 'lab-compute-b', 'INSTANCE_TEST'), before ?? {});
    t.is((await run(on, Mode.CLEANUP)).result, RunResult.SUCCEEDED);

    const moved = await run(on, Mode.PLANNED);
    t.is(moved.result, RunResult.SUCCEEDED, moved.attention);
    t.like(told(moved.report), { instance: on.other });
    t.deepEqual(
      (await on.lab.runs(vmId)).map(({ computeId }) => computeId),
      ['lab-compute-b'],
    );
    t.deepEqual(await on.lab.verify(), []);
  },
);

test.serial(
  'the site is lost after the cut-over → the destination; no call goes there',
  async (t) => {
    const on = await start(t);
    const { client } = on.daemon;
    const { runId } = await client.migrations.migrateStorage(on.move);
    await client.waitForRun(runId);
    const callsSince = await loseA(on);
    const ended = await run(on, Mode.DISASTER);
    t.is(ended.result, RunResult.SUCCEEDED, ended.attention);
    t.like(told(ended.report), { instance: on.other });
    t.is(await callsSince(), 0);
    const after = await resolved(on, 'lab-compute-b');
    t.like(after?.outcome, { $case: 'chosen', value: { datastoreIds: [on.other] } });
  },
);

test.serial(
  'the site is lost while the disks are copied → the source, and half a copy is kept',
  async (t) => {
    const on = await start(t, { operationMs: { mirrorDisks: 3_600_000 } });
    const { client } = on.daemon;
    const { runId } = await client.migrations.migrateStorage(on.move);
    for await (const { step } of client.runs.watch(runId)) if (step === 'mirror-disks') break;
    while ((await on.lab.operations()).length === 0);
    const tested = await run(on, Mode.TEST);
    t.like(told(tested.report), { instance: on.home, instancesKept: on.other });
    t.is((await run(on, Mode.CLEANUP)).result, RunResult.SUCCEEDED);
    const callsSince = await loseA(on);
    const ended = await run(on, Mode.DISASTER);
    t.is(ended.result, RunResult.SUCCEEDED, ended.attention);
    t.like(told(ended.report), { instance: on.home, instancesKept: on.other });
    t.is(await callsSince(), 0);
    t.is((await resolved(on, 'lab-compute-b'))?.copies.length, 2);
  },
);

test.serial('the copies arrive from before the migration → where the VM was then', async (t) => {
  const on = await start(t, { mode: 'asynchronous', lagMs: 3_600_000 });
  const { client } = on.daemon;
  const { runId } = await client.migrations.migrateStorage(on.move);
  t.is((await client.waitForRun(runId)).result, RunResult.SUCCEEDED);
  const callsSince = await loseA(on);
  const ended = await run(on, Mode.DISASTER);
  t.is(ended.result, RunResult.SUCCEEDED, ended.attention);
  const there = await resolved(on, 'lab-compute-b');
  t.like(there?.outcome, { $case: 'chosen', value: { datastoreIds: [on.home] } });
  t.is((await on.lab.runs(vmId))[0]?.computeId, 'lab-compute-b');
  t.is(await callsSince(), 0);
});

test.serial('a record is torn → that VM is refused, the others go over', async (t) => {
  const on = await start(t, { operationMs: { mirrorDisks: 3_600_000 } });
  const { client } = on.daemon;
  const { runId } = await client.migrations.migrateStorage(on.move);
  for await (const { step } of client.runs.watch(runId)) if (step === 'mirror-disks') break;
  await on.lab.tearRecord('lab-a', on.deviceId, vmId);
  await loseA(on);
  const { runId: disaster } = await client.runs.start({
    planId: 'p',
    mode: Mode.DISASTER,
    requester,
  });
  const parked = await client.waitForRun(disaster);
  t.regex(parked.attention, /vm-00001.*torn/s);
  const { items } = await client.runs.report(disaster);
  const others = items.filter(({ itemId }) => itemId.startsWith('vm-') && itemId !== vmId);
  t.true(others.every(({ outcome }) => outcome === 'ITEM_OUTCOME_DONE'));
  t.deepEqual(await on.lab.runs(vmId), []);
});

test.serial('what cannot be moved → MOVE_INVALID, each place named', async (t) => {
  const on = await start(t);
  const { client } = on.daemon;
  const wrong = [{ vmId: 'nobody', toDatastoreId: 'nowhere' }];
  const refused = client.migrations.migrateStorage({ ...on.move, moves: wrong });
  const { reason, violations } = await failure(t, refused, CallError);
  t.is(reason, 'MOVE_INVALID');
  t.true(violations.some(({ field }) => field === 'moves[0].vmId'));
  t.true(violations.some(({ field }) => field === 'moves[0].toDatastoreId'));
});

test.serial(
  'a VM that is there already → nothing to move, whether it moved or never did',
  async (t) => {
    const on = await start(t);
    const { client } = on.daemon;
    const refusedAt = async (moves: object[]) => {
      const { reason, violations } = await failure(
        t,
        client.migrations.migrateStorage({ ...on.move, moves }),
        CallError,
      );
      t.is(reason, 'MOVE_INVALID');
      return violations.map(({ field, message }) => `${field}: ${message}`);
    };
    const here = (datastoreId: string) => `${vmId} is already in ${datastoreId}: nothing to move`;
    const toHome = { vmId, toDatastoreId: on.home };
    const field = 'toDatastoreId';
    t.deepEqual(await refusedAt([toHome]), [`moves[0].${field}: ${here(on.home)}`]);
    t.deepEqual(await refusedAt([{ vmId: 'vm-00002', toDatastoreId: on.other }, toHome]), [
      `moves[1].${field}: ${here(on.home)}`,
    ]);
    const { runId } = await client.migrations.migrateStorage(on.move);
    t.is((await client.waitForRun(runId)).result, RunResult.SUCCEEDED);
    t.deepEqual(await refusedAt(on.move.moves), [`moves[0].${field}: ${here(on.other)}`]);
  },
);

test.serial('a planned run while disks move → refused; a test is not', async (t) => {
  const on = await start(t, { operationMs: { mirrorDisks: 3_600_000 } });
  const { client } = on.daemon;
  await client.migrations.migrateStorage(on.move);
  const planned = client.runs.start({ planId: 'p', mode: Mode.PLANNED, requester });
  t.like(await failure(t, planned, CallError), { reason: 'RUN_REFUSED' });
});
