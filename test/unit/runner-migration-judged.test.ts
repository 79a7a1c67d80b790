/**
 * Planned runs whose live migrations fail: where each VM is is asked before its policy is, so that
 * no rollback and no second run leaves one between two computes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { Plan } from '../../daemon/core/plan.ts';
import type { Policy } from '../../daemon/core/policy.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import type { MigrationStage } from '../../plugins/lab/model.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { planFor, type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';

const vmIds = ['vm-00001', 'vm-00002'];

const rollsBack: Policy = {
  rules: [],
  otherwise: { action: 'rollback', reach: 'protection-group' },
};
const stops: Policy = { rules: [], otherwise: { action: 'stop', reach: 'item' } };

const planWith = (policy: Policy): Plan =>
  planFor(1, 2, {
    options: { ...defaultOptions, liveMigration: true },
    policies: { 'live-migrate': policy },
  });

const made = async (policy: Policy, rules: CallRule[] = []): Promise<Rig> => {
  const found = await rig({ groups: 0, vms: 2, world: { stretched: 1 }, rules });
  await found.engine.createPlan(planWith(policy));
  return found;
};

const start = async ({ engine }: Rig): Promise<string> => {
  const asked = { planId: 'payroll', requester: 'tester', requestKey: '', policies: {} };
  return (await engine.startRun({ ...asked, mode: 'planned' })).runId;
};

/** For each VM: where it runs, as a letter, and what the run says became of it. */
const after = async ({ engine, lab }: Rig, runId: string): Promise<readonly string[]> => {
  const { items } = await engine.reportRun(runId);
  const outcomes = new Map(items.map(({ itemId, outcome }) => [itemId, outcome]));
  return Promise.all(
    vmIds.map(async (id) => {
      const at = (await lab.runs(id)).map(({ computeId }) => computeId.at(-1)).join(' and ');
      return `${at} ${outcomes.get(id)}`;
    }),
  );
};

const preferred = async ({ lab }: Rig) =>
  (await lab.snapshot()).devices['lab-a']?.['lun-a-0001-1']?.preferredSiteId;

const refused: CallRule = {
  name: 'said to have failed',
  verb: 'migrateLive',
  effect: {
    effect: 'fail-later',
    fault: { kind: 'refused', owner: 'array', message: 'injected', code: 'INJECTED' },
  },
};

test('judged: said to be refused, and gone over → done, and what it stands on stays', async (t) => {
  const one = await made(rollsBack, [refused]);
  const runId = await start(one);
  await untilRest(one.engine, runId);
  t.deepEqual(await after(one, runId), ['b done', 'b done']);
  t.is(await preferred(one), 'site-b');
  t.deepEqual(await one.lab.verify(), []);
});

test('judged: said to be refused, and on its way → ended, on at its source, and rolled back', async (t) => {
  const one = await made(rollsBack, [refused]);
  await one.lab.setOperationMs({ migrateLive: 600_000 });
  const runId = await start(one);
  await untilRest(one.engine, runId);
  t.deepEqual(await after(one, runId), ['a undone', 'a undone']);
  t.is(await preferred(one), 'site-a');
  t.deepEqual(await one.lab.migrationStages(), {
    'vm-00001': 'placeholder',
    'vm-00002': 'placeholder',
  });
  t.deepEqual(await one.lab.verify(), []);
});

for (const kind of ['unreachable', 'refused'] as const) {
  test(`judged: said to be refused, and where it is is ${kind} → settled, never guessed`, async (t) => {
    const unasked: CallRule = {
      name: 'no answer to where it is',
      verb: 'migrationStatus',
      phase: 'poll',
      budget: 1,
      effect: { effect: 'error', fault: { kind, owner: 'array', message: 'not now' } },
    };
    const one = await made(rollsBack, [refused, unasked]);
    const runId = await start(one);
    await untilRest(one.engine, runId);
    t.deepEqual(await after(one, runId), ['b done', 'b done']);
    t.is(await preferred(one), 'site-b');
    t.deepEqual(await one.lab.verify(), []);
  });
}

const cutShort: readonly (readonly [MigrationStage, string])[] = [
  ['started', 'a undone'],
  ['placeholder', 'a undone'],
  ['switching', 'a undone'],
  ['received', 'a undone'],
  ['completed', 'b done'],
  ['resumed', 'b done'],
];

for (const [stage, expected] of cutShort) {
  test(`judged: cut short after ${stage} → ${expected}, and nobody is left standing still`, async (t) => {
    const one = await made(rollsBack);
    const { lab } = one;
    await lab.haltMigrations(vmIds, stage);
    const runId = await start(one);
    const areThere = async () => {
      const stages = await lab.migrationStages();
      return vmIds.every((id) => stages[id] === stage);
    };
    while (!(await areThere())) await sleep(5);
    await lab.haltMigrations(vmIds, 'left');
    for (const { id } of await lab.operations()) await lab.failOperation(id, 'for a test');
    await untilRest(one.engine, runId);
    t.deepEqual(await after(one, runId), [expected, expected]);
    t.is(await preferred(one), expected.startsWith('a') ? 'site-a' : 'site-b');
    const heartbeats = async () =>
      Promise.all(vmIds.map(async (id) => (await lab.runs(id))[0]?.heartbeat ?? 0));
    const before = await heartbeats();
    while ((await heartbeats()).some((heartbeat, at) => heartbeat === before[at])) await sleep(20);
    t.deepEqual(await lab.verify(), []);
  });
}

test('again: one had gone over, one was cut short → the second run moves that one alone', async (t) => {
  const one = await made(stops);
  const { engine, lab } = one;
  await lab.failNext({ verb: 'migrateLive', targetIds: ['vm-00002'], kind: 'refused' });
  const first = await start(one);
  await untilRest(engine, first);
  t.deepEqual(await after(one, first), ['b done', 'a stopped']);
  const bootId = (await lab.runs('vm-00001'))[0]?.bootId;
  const decision = { requester: 'tester', decision: 'abandon', policies: {} } as const;
  if ((await engine.getRun(first, 'basic')).status === 'parked') {
    await engine.resumeRun(first, decision);
    await untilRest(engine, first);
  }
  const second = await start(one);
  await untilRest(engine, second);
  t.deepEqual(await after(one, second), ['b done', 'b done']);
  t.is((await lab.runs('vm-00001'))[0]?.bootId, bootId);
  t.deepEqual(
    (await lab.effects('migrateLive')).map(({ id, times }) => `${id} ${times}`),
    ['vm-00001 1', 'vm-00002 1'],
  );
  t.deepEqual(await lab.verify(), []);
});
