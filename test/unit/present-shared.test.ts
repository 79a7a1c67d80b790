/** One device that both sites share, shown as its own peer, and which site is its source. */
import test from 'ava';
import { sourcesPerEntryMax } from '../../daemon/core/limits.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import { type Presentation, presentationsOf } from '../../daemon/core/presentation.ts';
import { bookEntries, sourceOf, turningSteps } from '../../daemon/core/sources.ts';
import { emptySystem, foldSystem } from '../../daemon/core/system.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { addressing } from '../../daemon/present/table.ts';
import { steps } from '../../daemon/steps/registry.ts';
import type { Answer, Device } from '../../sdk/plugin/index.ts';
import { storageVerbs, type TargetVerb } from '../../sdk/plugin/verbs.ts';
import { untilRest } from '../_support/engine-on-lab.ts';
import { device } from '../_support/plugins/recorder.ts';
import { presentedStage, remotesOf } from '../_support/presented.ts';
import { sharedRig } from '../_support/shared-rig.ts';

const stageOf = (...devices: readonly Device[]) => {
  const stage = presentedStage('shared-as-stretched');
  for (const id of ['a', 'b']) stage.at(id).devices.push(...devices);
  return stage;
};

test('shared device: { id: A } → { id: A, peer: A }, the same at the other site, asked twice', async (t) => {
  const stage = stageOf(device('A'));
  const shown = { ...device('A'), direction: 'stretched', stretched: true };
  const [atA] = await stage.devices('a');
  t.deepEqual(atA, {
    ...shown,
    preferredSiteId: 'site-a',
    peer: { arrayId: 'b', deviceId: 'A' },
  } as Device);
  t.deepEqual(await stage.devices('b'), [
    { ...shown, preferredSiteId: 'site-a', peer: { arrayId: 'a', deviceId: 'A' } } as Device,
  ]);
  t.deepEqual(await stage.devices('a'), [atA]);
});

test('shared device: replicated devices beside it → byte-equal, and none is invented', async (t) => {
  const replicated = [
    device('R', { direction: 'outgoing', peer: { arrayId: 'b', deviceId: 'R' } }),
    device('S', { direction: 'incoming', peer: { arrayId: 'c', deviceId: '1' }, groupId: 'cg' }),
    device('P', {
      direction: 'none',
      pairState: 'failedover',
      peer: { arrayId: 'b', deviceId: 'Q' },
    }),
  ];
  const stage = stageOf(...replicated, device('A'));
  const shown = await stage.devices('a');
  t.is(JSON.stringify(shown.slice(0, 3)), JSON.stringify(replicated));
  t.is(shown.length, 4);
  t.deepEqual(await stageOf().devices('a'), []);
});

const groupVerbs = storageVerbs.filter(
  (verb): verb is Extract<TargetVerb, (typeof storageVerbs)[number]> =>
    addressing[verb] !== 'none' && addressing[verb] !== 'listing',
);

for (const verb of groupVerbs) {
  test(`shared device: ${verb} → targets, arguments, answers and faults pass as they are`, async (t) => {
    const stage = stageOf(device('A'), device('R', { direction: 'incoming' }));
    const fault = { kind: 'refused', owner: 'array', message: 'A, not R', members: ['A'] } as const;
    stage.at('b').says = (_verb, { id }) => (id === 'A' ? { id, fault } : undefined);
    const targets = [
      { id: 'A', devices: ['A'] },
      { id: 'R', devices: ['R'], peers: [{ arrayId: 'a', deviceId: 'x' }] },
    ];
    const args = { to: { A: 'incoming' }, name: 'n' };
    const answers = await stage.door('b', { A: 'site-a' }).call(verb, targets, args);
    t.deepEqual(stage.heard, [{ remoteId: 'b', verb, targets, args }]);
    t.deepEqual(answers[0] as Answer, { id: 'A', fault });
    const raw = stage.door('b').call(verb, targets.slice(1), args);
    t.deepEqual(answers[1], (await raw)[0]);
  });
}

test('shared device: failover and reverse → the source flips, and stays so after restarts', async (t) => {
  const rig = await sharedRig();
  t.is(await rig.sources(), 'site-a site-a');
  for (const [verb, arrayId, source] of [
    ['failover', 'b', 'site-b'],
    ['failover', 'b', 'site-b'],
    ['reverse', 'b', 'site-b'],
    ['failover', 'a', 'site-a'],
    ['reverse', 'b', 'site-b'],
  ] as const) {
    t.is((await rig.device(verb, arrayId))?.outcome, 'done');
    t.is(await rig.sources(), `${source} ${source}`, `${verb} at ${arrayId}`);
    await rig.restart();
    t.is(await rig.sources(), `${source} ${source}`, 'after a restart');
  }
  t.is(rig.heard.filter(({ verb }) => verb === 'failover').length, 3);
});

test('shared device: a site preference → that site is the source, whichever array was told', async (t) => {
  const rig = await sharedRig();
  await rig.sources();
  for (const [arrayId, siteId] of [
    ['a', 'site-b'],
    ['a', 'site-a'],
    ['b', 'site-b'],
  ] as const) {
    t.is((await rig.device('setSitePreference', arrayId, { siteId }))?.outcome, 'done');
    t.is(await rig.sources(), `${siteId} ${siteId}`, `told at ${arrayId}`);
  }
});

test('shared device: a test failover → reaches the storage, and the source stays', async (t) => {
  const rig = await sharedRig();
  t.is((await rig.device('testFailoverStart', 'b'))?.outcome, 'done');
  const started = rig.heard.filter(({ verb }) => verb === 'testFailoverStart');
  t.deepEqual(
    started.map(({ remoteId, targets }) => [remoteId, targets[0]?.id]),
    [['b', 'A']],
  );
  t.is(await rig.sources(), 'site-a site-a');
});

test('shared device: a failover that fails → the source stays; a restore of roles → goes back', async (t) => {
  const rig = await sharedRig();
  rig.at('b').says = (verb, { id }) =>
    verb === 'failover'
      ? { id, fault: { kind: 'refused', owner: 'array', message: 'no' } }
      : undefined;
  t.is((await rig.device('failover', 'b'))?.outcome, 'failed');
  t.is(await rig.sources(), 'site-a site-a');
  rig.at('b').says = () => undefined;
  await rig.device('failover', 'b');
  t.is(await rig.sources(), 'site-b site-b');
  await rig.device('restoreReplication', 'b', { to: { A: 'incoming' } });
  t.is(await rig.sources(), 'site-a site-a');
});

test('shared device: the source lands in one append with the outcome that turned it', async (t) => {
  const rig = await sharedRig();
  await rig.sources();
  await rig.device('failover', 'b');
  const holding = (type: string) =>
    rig.appended.filter((appends) =>
      appends.some(({ bodies }) => bodies.some((body) => body.includes(`"type":"${type}"`))),
    );
  t.is(holding('task-outcome').length, 1);
  t.true(holding('source-set').includes(holding('task-outcome')[0] as never));
  const discovered = holding('source-set')[0];
  t.deepEqual(
    discovered?.map(({ stream }) => stream),
    ['system'],
  );
});

test('shared device: a failover in doubt, settled as done → the source flips then', async (t) => {
  const effect = { effect: 'worker-crash', after: true } as const;
  const rig = await sharedRig([{ name: 'dies', verb: 'failover', nth: 1, effect }]);
  t.is((await rig.device('failover', 'b'))?.outcome, 'done');
  t.true(rig.heard.some(({ verb }) => verb === 'settle:failover'));
  t.is(await rig.sources(), 'site-b site-b');
});

test('shared device: storage that tells the source → believed, and recorded by discovery', async (t) => {
  const rig = await sharedRig();
  await rig.sources();
  rig.at('a').devices = [device('A', { preferredSiteId: 'site-b' })];
  t.is(await rig.sources(), 'site-b site-b', 'b does not tell, but the record followed a');
  rig.at('a').devices = [device('A')];
  await rig.restart();
  t.is(await rig.sources(), 'site-b site-b');
  rig.at('b').devices = [device('A', { direction: 'incoming' })];
  const [atB] = await rig.shown('b');
  t.is(atB?.direction, 'incoming', 'a role that is told is shown');
  t.is(await rig.sources(), 'site-a site-a');
});

/** A plan over the shared device, to be run in any mode. */
const planned = async (rig: Awaited<ReturnType<typeof sharedRig>>) => {
  await rig.engine.createPlan({
    id: 'shop',
    name: 'Shop',
    protectedSiteId: 'site-a',
    recoverySiteId: 'site-b',
    protectionGroups: [{ id: 'all', groups: [{ arrayId: 'a', id: 'A' }] }],
    policies: {},
    options: { ...defaultOptions, liveMigration: true },
  });
  return async (mode: Mode) => {
    const asked = { planId: 'shop', mode, requester: 'tester', requestKey: '', policies: {} };
    const { runId } = await rig.engine.startRun(asked);
    await untilRest(rig.engine, runId);
    return rig.engine.getRun(runId, 'full');
  };
};

test('shared device: planned with live migration, from discovery alone → preference, then the VM', async (t) => {
  const rig = await sharedRig();
  const run = await planned(rig);
  for (const [site, other] of [
    ['site-b', 'b'],
    ['site-a', 'a'],
  ] as const) {
    rig.heard.length = 0;
    const view = await run('planned');
    t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
    const told = rig.heard
      .map(({ verb }) => verb)
      .filter((verb) => /Preference|migrate/.test(verb));
    t.deepEqual(told, ['setSitePreference', `migrateLive to hosts-${other}`]);
    t.is(await rig.sources(), `${site} ${site}`);
    t.is((await run('reprotect')).result, 'succeeded');
  }
});

test('shared device: its source is lost → the other side fences, and is the source', async (t) => {
  const rig = await sharedRig();
  const run = await planned(rig);
  await rig.sources();
  await rig.engine.previewPlan('shop', 'planned');
  await rig.engine.declareLost('site-a', 'tester', 'fire');
  rig.heard.length = 0;
  const view = await run('disaster');
  t.is(view.result, 'succeeded', `${view.attention} ${JSON.stringify(view.notes)}`);
  t.deepEqual(
    rig.heard.filter(({ remoteId }) => remoteId === 'a'),
    [],
  );
  t.true(rig.heard.some(({ verb, remoteId }) => verb === 'fence' && remoteId === 'b'));
  const [atB] = await rig.shown('b');
  t.is(atB?.preferredSiteId, 'site-b');
});

test('sources: every step that turns a device round is a step', (t) => {
  t.deepEqual(
    [...turningSteps].filter((name) => !steps.has(name)),
    [],
  );
});

test('sources (devices=25,000 on 2 sites): stated anew, in bounded entries → the same book', (t) => {
  const state = emptySystem();
  const idsOf = (site: string) => Array.from({ length: 12_500 }, (_, at) => `${site} ${at}`);
  for (const siteId of ['site-a', 'site-b']) {
    foldSystem(state, {
      type: 'source-set',
      at: 1,
      arrayId: 'a',
      siteId,
      deviceIds: idsOf(siteId),
    });
  }
  const entries = bookEntries(state.sources, 2);
  t.true(entries.every(({ deviceIds }) => deviceIds.length <= sourcesPerEntryMax));
  const again = emptySystem();
  for (const entry of entries) foldSystem(again, entry);
  t.deepEqual(again.sources.get('a')?.siteOf, state.sources.get('a')?.siteOf);
  const presentation = presentationsOf(remotesOf('shared-as-stretched')).get('b') as Presentation;
  t.is(sourceOf(again.sources, presentation, 'site-b 12499'), 'site-b');
  t.is(sourceOf(again.sources, presentation, 'unheard'), undefined);
});
