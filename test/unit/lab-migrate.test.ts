/** Live migration in the lab: one boot, one writer at any moment, nothing acknowledged is lost. */
import type { Answer, MigrationStatus, ValueAnswer } from '@siteswap/sdk/plugin';
import test from 'ava';
import { group, makeLab, said, type TestLab, valueIn, vm, vmAt } from '../_support/lab.ts';

const stretched = (options = {}) =>
  makeLab({
    groups: 0,
    stretched: 1,
    vmsPerGroup: 2,
    heartbeatMs: 10,
    crossSiteMs: 10,
    interruptionMs: 30,
    ...options,
  });

const migrate = (lab: TestLab, from: 'a' | 'b' = 'a', key?: string) => {
  const args = { toComputeId: `lab-compute-${from === 'a' ? 'b' : 'a'}` };
  const ask = key === undefined ? { args } : { args, key };
  return lab.verb(`lab-compute-${from}`, 'migrateLive', [vm()], ask);
};

const statusOf = async (lab: TestLab, side: 'a' | 'b'): Promise<MigrationStatus> =>
  valueIn(
    await lab.verb<ValueAnswer<MigrationStatus>>(`lab-compute-${side}`, 'migrationStatus', [vm()]),
  );

const evidenceIn = ([answer]: readonly Answer[]) =>
  answer !== undefined && 'ok' in answer ? answer.evidence : undefined;

const operationIn = ([answer]: readonly Answer[]): string =>
  answer !== undefined && 'accepted' in answer ? answer.accepted.operation : 'none';

test('a live migration keeps the boot, loses no heartbeat, and says how long it paused', async (t) => {
  const lab = stretched();
  await lab.verb('lab-a', 'setSitePreference', [group()], { args: { siteId: 'site-b' } });
  await lab.time.advance(100);
  const before = await vmAt(lab, 'a');
  t.deepEqual(evidenceIn(await migrate(lab)), { bootId: before.bootId, interruptionMs: 30 });
  t.like(await vmAt(lab, 'b'), { power: 'on', bootId: before.bootId, heartbeat: before.heartbeat });
  t.like(await vmAt(lab, 'a'), { power: 'off', registered: false });
  await lab.time.advance(30);
  t.is((await vmAt(lab, 'b')).heartbeat, before.heartbeat);
  await lab.time.advance(100);
  t.is((await vmAt(lab, 'b')).heartbeat, (before.heartbeat ?? 0) + 10);
  const [run, ...others] = await lab.control.runs('vm-00001');
  t.like(run, { computeId: 'lab-compute-b', everyMs: 10, writes: true });
  t.deepEqual(others, []);
  t.deepEqual(await lab.control.verify(), []);
  t.deepEqual(said(await migrate(lab)), ['ok'], 'already there');
  t.is((await lab.control.effects('migrateLive'))[0]?.times, 1);
  t.deepEqual(said(await migrate(lab, 'b')), ['ok'], 'and back');
  t.is((await vmAt(lab, 'a')).bootId, before.bootId);
});

test('a control: the same VM on a plain device is not migrated, and goes on', async (t) => {
  const lab = makeLab();
  t.deepEqual(said(await migrate(lab)), ['refused NOT_STRETCHED']);
  t.is((await vmAt(lab, 'a')).power, 'on');
  t.is((await statusOf(lab, 'a')).state, 'none');
});

test('a migration that takes time runs at its source until it hands over', async (t) => {
  const lab = stretched({ operationMs: { migrateLive: 1_000 } });
  const operation = operationIn(await migrate(lab, 'a', 'run/live-migrate/run/1'));
  const settled = async () => {
    const key = 'run/live-migrate/run/1';
    return (await lab.settle('lab-compute-a', 'migrateLive', [vm()], key))[0]?.verdict;
  };
  t.deepEqual(said(await migrate(lab)), ['busy MIGRATION_RUNS']);
  await lab.time.advance(250);
  const running = { state: 'running', fromComputeId: 'lab-compute-a', progress: 0.25 };
  t.like(await statusOf(lab, 'a'), running);
  t.like(await statusOf(lab, 'b'), running);
  t.is(await settled(), 'running');
  t.like(await vmAt(lab, 'a'), { power: 'on', heartbeat: 25 });
  t.is((await vmAt(lab, 'b')).power, 'off');
  await lab.time.advance(750);
  t.is((await statusOf(lab, 'b')).state, 'completed');
  t.is(await settled(), 'done');
  const polled = await lab.poll('lab-compute-a', 'vm-00001', operation);
  t.like(polled, { state: 'done', evidence: { interruptionMs: 30 } });
  t.like(await vmAt(lab, 'b'), { power: 'on', heartbeat: 100 });
  t.deepEqual(await lab.control.verify(), []);
});

type End = (lab: TestLab, operation: string) => unknown;

const ends: readonly (readonly [string, End, MigrationStatus['state']])[] = [
  ['cut', (lab, operation) => lab.control.failOperation(operation, 'for a test'), 'failed'],
  ['cancelled', (lab) => lab.verb('lab-compute-a', 'cancelMigration', [vm()]), 'cancelled'],
  ['target lost', (lab) => lab.control.setDown('lab-compute-b', true), 'failed'],
  ['link cut', (lab) => lab.control.cutLink('site-a', 'site-b'), 'failed'],
];

for (const [name, end, state] of ends) {
  test(`a migration ends early: ${name} → the VM goes on at its source`, async (t) => {
    const lab = stretched({ operationMs: { migrateLive: 1_000 } });
    const key = 'run/live-migrate/run/1';
    const operation = operationIn(await migrate(lab, 'a', key));
    await lab.time.advance(500);
    await end(lab, operation);
    await lab.time.advance(1_000);
    t.is((await statusOf(lab, 'a')).state, state);
    t.like(await vmAt(lab, 'a'), { power: 'on', heartbeat: 150 });
    t.is((await lab.settle('lab-compute-a', 'migrateLive', [vm()], key))[0]?.verdict, 'absent');
    t.is((await lab.poll('lab-compute-a', 'vm-00001', operation))?.state, 'failed');
    t.is((await lab.control.runs('vm-00001')).length, 1);
    t.deepEqual(await lab.control.verify(), []);
  });
}

test('a VM that stopped on its way does not appear at the target', async (t) => {
  const lab = stretched({ operationMs: { migrateLive: 1_000 } });
  await migrate(lab);
  await lab.verb('lab-compute-a', 'powerOff', [vm()]);
  await lab.verb('lab-compute-a', 'powerOn', [vm()]);
  await lab.time.advance(1_000);
  t.is((await statusOf(lab, 'a')).state, 'failed');
  t.is((await lab.control.runs('vm-00001'))[0]?.computeId, 'lab-compute-a');
});

test('a migration is refused: powered off, cut off, target away, on its way, unknown', async (t) => {
  const lab = stretched();
  await lab.control.setDown('lab-compute-b', true);
  t.deepEqual(said(await migrate(lab)), ['refused TARGET_DOWN']);
  await lab.control.setDown('lab-compute-b', false);
  const args = { toComputeId: 'nowhere' };
  const unknown = await lab.verb('lab-compute-a', 'migrateLive', [vm()], { args });
  t.deepEqual(said(unknown), ['missing UNKNOWN_REMOTE']);
  t.deepEqual(said(await migrate(lab, 'b')), ['ok'], 'it is there already');
  await lab.verb('lab-a', 'setSitePreference', [group()], { args: { siteId: 'site-b' } });
  await lab.control.cutLink('site-a', 'site-b');
  t.deepEqual(said(await migrate(lab)), ['conflict CUT_OFF']);
  await lab.control.healLink('site-a', 'site-b');
  await lab.verb('lab-compute-a', 'powerOff', [vm()]);
  t.deepEqual(said(await migrate(lab)), ['conflict NOT_RUNNING']);
});

test('a lost answer is settled: done and absent are told apart', async (t) => {
  for (const effect of ['none', 'done'] as const) {
    const lab = stretched();
    await lab.control.failNext({ verb: 'migrateLive', kind: 'timeout', effect });
    const key = 'run/live-migrate/run/1';
    t.deepEqual(said(await migrate(lab, 'a', key)), ['timeout ORDERED']);
    const [settled] = await lab.settle('lab-compute-a', 'migrateLive', [vm()], key);
    t.is(settled?.verdict, effect === 'done' ? 'done' : 'absent');
    t.is((await lab.control.runs('vm-00001')).length, 1);
  }
});

test('cancel: nothing to cancel succeeds; a VM that has moved stays where it is', async (t) => {
  const lab = stretched();
  const cancel = () => lab.verb('lab-compute-a', 'cancelMigration', [vm()]);
  t.deepEqual(said(await cancel()), ['ok']);
  await migrate(lab);
  t.deepEqual(said(await cancel()), ['conflict MIGRATED']);
  t.is((await vmAt(lab, 'b')).power, 'on');
});

test('there and back before the first heartbeat: two pauses, and nothing counted twice', async (t) => {
  const lab = stretched();
  await lab.time.advance(100);
  await migrate(lab);
  await lab.time.advance(10);
  await migrate(lab, 'b');
  await lab.time.advance(30);
  t.is((await vmAt(lab, 'a')).heartbeat, 10);
  await lab.time.advance(100);
  t.is((await vmAt(lab, 'a')).heartbeat, 20);
});

test('verify: an outage over the bound is a breach', async (t) => {
  const lab = stretched({ interruptionMsMax: 500 });
  await lab.control.setInterruptionMs(501);
  await migrate(lab);
  await lab.control.setInterruptionMs(1);
  await migrate(lab, 'b');
  t.deepEqual(
    (await lab.control.verify()).map(({ rule, subject }) => [rule, subject]),
    [['outage-over-bound', 'vm-00001']],
  );
});

const halted = async (stage: 'switching' | 'received' | 'completed'): Promise<TestLab> => {
  const lab = stretched();
  await lab.verb('lab-a', 'setSitePreference', [group()], { args: { siteId: 'site-b' } });
  await lab.time.advance(100);
  await lab.control.haltMigrations(['vm-00001'], stage);
  operationIn(await migrate(lab));
  return lab;
};

const goOnAt = (lab: TestLab, side: 'a' | 'b') =>
  lab.verb(`lab-compute-${side}`, 'powerOn', [vm()]);

test('a stage: switching → the guest stands still at its source, and goes on when it is cancelled', async (t) => {
  const lab = await halted('switching');
  const { heartbeat = 0 } = await vmAt(lab, 'a');
  await lab.time.advance(100);
  t.like(await vmAt(lab, 'a'), { power: 'on', heartbeat });
  t.is((await statusOf(lab, 'a')).departure, 'switching');
  t.is((await statusOf(lab, 'b')).arrival?.execution, 'paused-incoming');
  const cancelled = await lab.verb('lab-compute-b', 'cancelMigration', [vm()]);
  t.deepEqual(said(cancelled), ['ok']);
  t.is((await statusOf(lab, 'b')).arrival, undefined);
  await lab.time.advance(100);
  t.true(((await vmAt(lab, 'a')).heartbeat ?? 0) > heartbeat);
  t.deepEqual(await lab.control.verify(), []);
});

test('a stage: received, source lost → adopted behind the fence, in its boot, and only once', async (t) => {
  const lab = await halted('received');
  const { bootId, heartbeat } = await vmAt(lab, 'a');
  t.deepEqual(said(await lab.verb('lab-compute-b', 'cancelMigration', [vm()])), ['conflict WHOLE']);
  await lab.control.loseSite('site-a', { vms: 'keep' });
  await lab.verb('lab-b', 'fence', [group()]);
  t.deepEqual(said(await goOnAt(lab, 'b')), ['ok']);
  t.like(await vmAt(lab, 'b'), { power: 'on', registered: true, bootId, heartbeat });
  t.is((await statusOf(lab, 'b')).arrival?.completedId, 'migration-1');
  await lab.time.advance(100);
  t.is((await vmAt(lab, 'b')).heartbeat, (heartbeat ?? 0) + 10);
  t.deepEqual(said(await goOnAt(lab, 'b')), ['ok'], 'once');
  t.deepEqual(await lab.control.verify(), []);
});

test('a stage: completed → cancelled it is refused, asked again it goes on at its target', async (t) => {
  const lab = await halted('completed');
  const { bootId } = await vmAt(lab, 'a');
  const cancelled = await lab.verb('lab-compute-a', 'cancelMigration', [vm()]);
  t.deepEqual(said(cancelled), ['conflict MIGRATED']);
  const [operation] = await lab.control.operations();
  await lab.control.failOperation(operation?.id ?? '', 'for a test');
  t.is((await statusOf(lab, 'a')).departure, 'handed-over');
  await lab.control.haltMigrations(['vm-00001'], 'left');
  t.deepEqual(said(await migrate(lab)), ['ok']);
  t.like(await vmAt(lab, 'b'), { power: 'on', bootId });
  t.like(await vmAt(lab, 'a'), { power: 'off', registered: false });
  t.deepEqual(await lab.control.verify(), []);
});
