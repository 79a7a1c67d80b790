/** The steps over stretched storage: what they ask first, whom they leave alone, what goes back. */
import test from 'ava';
import type { VmItem } from '../../daemon/core/frozen.ts';
import { actionFor } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import type { MigrationStatus } from '../../sdk/plugin/migration.ts';
import type { Answer } from '../../sdk/plugin/verbs.ts';
import {
  callOf,
  failing,
  groupItem,
  statusOf,
  storageStep,
  stretchedItem,
  vmItem,
  vmStep,
} from '../_support/remote.ts';

/** Prefers the sites given, device by device. */
const preferring = (...sites: (string | undefined)[]) => ({
  deviceStatus: (id: string) => ({
    id,
    value: sites.map((preferredSiteId, at) => ({
      id: `${id}-${at}`,
      direction: 'stretched',
      access: 'read-write',
      pairState: 'synchronized',
      preferredSiteId,
    })),
  }),
});

const kindOf = (answer: Answer | undefined): string =>
  answer !== undefined && 'fault' in answer ? answer.fault.kind : 'done';

const found = (...sites: (string | undefined)[]) => foundAfter({}, ...sites);

/** `before`: what an earlier attempt found. */
const foundAfter = async (
  before: Readonly<Record<string, unknown>>,
  ...sites: (string | undefined)[]
) => {
  const { call } = callOf(storageStep('switch-site-preference'), [stretchedItem('g')], {
    ...preferring(...sites),
  });
  const [answer] =
    (await storageStep('switch-site-preference').before?.({ ...call, before })) ?? [];
  return answer;
};

test('switch-site-preference: the protected site is preferred → found, and kept for an undo', async (t) => {
  t.deepEqual(await found('site-p', 'site-p'), { id: 'ap/g', value: 'site-p' });
});

test('switch-site-preference: an attempt that changed half of a group → goes on', async (t) => {
  t.deepEqual(await found('site-r', 'site-p'), { id: 'ap/g', value: 'site-p' });
});

test('switch-site-preference: an attempt that changed all and failed → what it had found', async (t) => {
  const before = { 'ap/g': 'site-p' };
  t.deepEqual(await foundAfter(before, 'site-r', 'site-r'), { id: 'ap/g', value: 'site-p' });
  const elsewhere = await foundAfter(before, 'site-r', 'site-x');
  t.true(elsewhere !== undefined && 'fault' in elsewhere);
});

test('switch-site-preference: another site, or none → a conflict that says what to do', async (t) => {
  for (const site of ['site-r', undefined]) {
    const answer = await found(site);
    if (answer === undefined || !('fault' in answer)) return t.fail();
    t.like(answer.fault, { kind: 'conflict', code: 'SITE_PREFERENCE' });
    t.regex(answer.fault.message, site === undefined ? /no site that it tells of/ : /site-r/);
    t.regex(answer.fault.hint ?? '', /prefer site-p again/);
  }
});

test('switch-site-preference: the recovery site, under one key, in run and settle', async (t) => {
  const step = storageStep('switch-site-preference');
  const { far, call } = callOf(step, [stretchedItem('g'), stretchedItem('h')], {});
  await step.run(call);
  await step.settle(call);
  t.deepEqual(
    far.calls.map(({ verb, ids, args }) => [verb, ids, args]),
    [
      ['setSitePreference', ['g', 'h'], { siteId: 'site-r' }],
      ['settle:setSitePreference', ['g', 'h'], { siteId: 'site-r' }],
    ],
  );
});

test('switch-site-preference, undo: back to what was found; what was there before stays', async (t) => {
  const step = storageStep('switch-site-preference');
  if (typeof step.undo === 'string') return t.fail();
  const items = [stretchedItem('g'), stretchedItem('h'), stretchedItem('never')];
  const before = { 'ap/g': 'site-p', 'ap/h': 'site-r' };
  const { far, call } = callOf(step, items, {}, { before });
  const answers = await step.undo(call);
  t.deepEqual(answers.map(kindOf), ['done', 'done', 'done']);
  t.deepEqual(
    far.calls.map(({ ids, args }) => [ids, args]),
    [[['g'], { siteId: 'site-p' }]],
  );
});

const migration = (change: Partial<MigrationStatus>) => (id: string) => ({
  id,
  value: { state: 'none', ...change },
});

/** `away`: those that do not run here, as the verb and the status of each have it. */
const migrate = async (
  items: readonly VmItem[],
  away: readonly string[],
  script: Parameters<typeof callOf>[2] = {},
) => {
  const step = vmStep('live-migrate');
  const { far, call } = callOf(step, items, {
    migrateLive: (id) => (away.includes(id) ? failing('conflict')(id) : { id, ok: true }),
    vmStatus: (id) => statusOf(away.includes(id) ? { registered: false, power: 'off' } : {})(id),
    ...script,
  });
  return { answers: await step.run(call), far };
};

test('live-migrate: VMs that run here → one call for all, to the compute of their plan', async (t) => {
  const { answers, far } = await migrate([vmItem('v'), vmItem('w')], []);
  t.deepEqual(answers.map(kindOf), ['done', 'done']);
  t.deepEqual(far.verbs(), ['migrateLive']);
  t.deepEqual(far.calls[0]?.args, { toComputeId: 'cr' });
});

test('live-migrate: a VM that went over before and is refused → looked for alone, done', async (t) => {
  const { answers, far } = await migrate([vmItem('gone'), vmItem('v')], ['gone'], {
    migrationStatus: migration({ state: 'completed', toComputeId: 'cr' }),
  });
  t.deepEqual(
    answers.find(({ id }) => id === 'gone'),
    { id: 'gone', ok: true, evidence: { alreadyThere: true } },
  );
  t.deepEqual(answers.map(kindOf), ['done', 'done']);
  t.deepEqual(far.verbs(), ['migrateLive', 'vmStatus', 'migrationStatus']);
  t.deepEqual(far.calls[1]?.ids, ['gone']);
});

test('live-migrate: a VM that is not known here any more → looked for in the migrations', async (t) => {
  const { answers } = await migrate([vmItem('gone')], ['gone'], {
    migrateLive: failing('missing'),
    vmStatus: failing('missing'),
    migrationStatus: migration({ state: 'completed', toComputeId: 'cr' }),
  });
  t.deepEqual(answers.map(kindOf), ['done']);
});

test('live-migrate: a VM that runs here and is refused → that fault, and no second try', async (t) => {
  const { answers, far } = await migrate([vmItem('v')], [], { migrateLive: failing('conflict') });
  t.deepEqual(answers.map(kindOf), ['conflict']);
  t.deepEqual(far.verbs(), ['migrateLive', 'vmStatus']);
});

test('live-migrate: refused, neither here nor there → conflict; on its way → busy', async (t) => {
  for (const [state, toComputeId, kind] of [
    ['none', undefined, 'conflict'],
    ['completed', 'elsewhere', 'conflict'],
    ['failed', 'cr', 'conflict'],
    ['running', 'cr', 'busy'],
  ] as const) {
    const status = { state, ...(toComputeId === undefined ? {} : { toComputeId }) };
    const { answers, far } = await migrate([vmItem('v')], ['v'], {
      migrationStatus: migration(status),
    });
    t.is(kindOf(answers[0]), kind, state);
    t.is(far.verbs().filter((verb) => verb === 'migrateLive').length, 1);
  }
});

test('live-migrate: found there when the run was made, and never migrated → done', async (t) => {
  const { answers, far } = await migrate([{ ...vmItem('v'), foundThere: true }], ['v'], {
    migrationStatus: migration({ state: 'none' }),
  });
  t.like(answers[0], { ok: true, evidence: { alreadyThere: true } });
  t.false(far.verbs().includes('migrateLive'));
});

test('live-migrate: found there when the run was made, and here again → it goes over', async (t) => {
  const { answers, far } = await migrate([{ ...vmItem('v'), foundThere: true }], []);
  t.deepEqual(answers.map(kindOf), ['done']);
  t.deepEqual(far.verbs(), ['vmStatus', 'migrateLive']);
});

test('live-migrate: a refused VM cannot be asked about → that fault, the others go over', async (t) => {
  const { answers } = await migrate([vmItem('odd'), vmItem('v')], ['odd'], {
    vmStatus: failing('unreachable'),
  });
  t.deepEqual(answers.map(kindOf).sort(), ['done', 'unreachable']);
});

test('live-migrate: a refused VM stops alone; it stays, and is no point of no return', (t) => {
  const { onFault, undo } = vmStep('live-migrate');
  t.deepEqual(actionFor(onFault, fault('refused', '')), { action: 'stop', reach: 'item' });
  t.is(undo, 'stays');
});

test('fence-lost-side: the recovery array alone is called; a fence stays', async (t) => {
  const step = storageStep('fence-lost-side');
  const { far, call } = callOf(step, [stretchedItem('g')], {}, { mode: 'disaster' });
  await step.run(call);
  t.deepEqual(far.calls[0]?.ids, ["g'"]);
  t.is(step.side, 'recovery');
  t.is(step.undo, 'stays');
});

test('mount, undo: what the hosts there had mounted before stays mounted', async (t) => {
  const step = storageStep('mount');
  if (typeof step.undo === 'string') return t.fail();
  const plain = groupItem('g', ['ours', 'theirs']);
  const item = {
    ...plain,
    datastores: plain.datastores.map((store) => ({
      ...store,
      mountedThere: store.id === 'theirs',
    })),
  };
  const { far, call } = callOf(step, [item], {});
  await step.undo(call);
  t.deepEqual(
    far.calls.map(({ verb, ids }) => [verb, ids]),
    [['unmount', ['ours']]],
  );
});

test('power-on, verify: a VM that was off → registered, and left off', async (t) => {
  const off = { ...vmItem('off'), leftOff: true };
  const powerOn = vmStep('power-on');
  const { far, call } = callOf(powerOn, [off, vmItem('on')], {});
  t.deepEqual((await powerOn.run(call)).map(kindOf), ['done', 'done']);
  t.deepEqual(
    (await powerOn.settle(call)).map(({ verdict }) => verdict),
    ['done', 'done'],
  );
  t.true(far.calls.every(({ ids }) => !ids.includes('off')));

  const verify = vmStep('verify');
  const look = callOf(verify, [off, vmItem('on')], { vmStatus: statusOf({ power: 'off' }) });
  t.deepEqual((await verify.run(look.call)).map(kindOf), ['done', 'conflict']);
});

test('register-protection: a stretched device prefers the site to be protected, or conflict', async (t) => {
  const step = storageStep('register-protection');
  for (const [site, kind] of [
    ['site-r', 'done'],
    ['site-p', 'conflict'],
  ] as const) {
    const { call } = callOf(step, [stretchedItem('g')], preferring(site), { mode: 'reprotect' });
    t.is(kindOf((await step.run(call))[0]), kind);
  }
});
