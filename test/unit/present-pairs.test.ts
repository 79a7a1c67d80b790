/** Pairs shown as one stretched device: what the storage sees, and what its caller sees. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { addressing, checkAddressing, wrongSide } from '../../daemon/present/table.ts';
import type { Answer, Device } from '../../sdk/plugin/index.ts';
import { storageVerbs, type TargetVerb, type Verb } from '../../sdk/plugin/verbs.ts';
import { device } from '../_support/plugins/recorder.ts';
import { presentedStage } from '../_support/presented.ts';
import { repoRoot } from '../_support/root.ts';

/** Pairs of these ids, the first of each active at array `a`, the second passive at `b`. */
const stageOf = (...pairs: readonly (readonly [first: string, second: string])[]) => {
  const stage = presentedStage('pair-as-stretched');
  for (const [first, second] of pairs) {
    const toB = { arrayId: 'b', deviceId: second };
    const toA = { arrayId: 'a', deviceId: first };
    stage.at('a').devices.push(device(first, { direction: 'outgoing', peer: toB }));
    const passive = { direction: 'incoming', access: 'read-only', peer: toA } as const;
    stage.at('b').devices.push(device(second, passive));
  }
  return stage;
};

const lone = (id: string) => ({ id, devices: [id] });
const rename = (devices: Device[], at: number, more: Partial<Device>): void => {
  devices[at] = { ...(devices[at] as Device), ...more };
};
/** Verbs on groups of devices. */
const groupVerbs = storageVerbs.filter(
  (verb): verb is Extract<TargetVerb, (typeof storageVerbs)[number]> =>
    addressing[verb] !== 'none' && addressing[verb] !== 'listing',
);

test('presented pair: discovery → one stretched device under the first id, at both arrays', async (t) => {
  const stage = stageOf(['first', 'second']);
  const { devices } = stage.at('b');
  devices.push(device('other', { peer: { arrayId: 'c', deviceId: 'x' } }), device('alone'));
  const [one] = stage.at('a').devices;
  const flags = { stretched: true, updateMode: 'adaptive' };
  t.deepEqual(await stage.devices('a'), [
    { ...one, ...flags, peer: { arrayId: 'b', deviceId: 'first' } },
  ]);
  const shown = await stage.devices('b');
  t.deepEqual(shown, [
    { ...devices[0], ...flags, id: 'first', peer: { arrayId: 'a', deviceId: 'first' } },
    devices[1],
    devices[2],
  ]);
  t.deepEqual(await stage.devices('b'), shown, 'asked again: the same');
});

for (const verb of groupVerbs) {
  test(`presented pair: ${verb} → the passive side sees the second id, the caller the first`, async (t) => {
    const stage = stageOf(['first', 'second'], ['1st', '2nd']);
    const batch = [lone('1st'), lone('first')];
    const peers = batch.map(({ id }) => ({ ...lone(id), peers: [{ arrayId: 'a', deviceId: id }] }));
    const answers = await stage.door(verb === 'sync' ? 'a' : 'b').call(verb, peers);
    t.deepEqual(
      answers.map(({ id }) => id),
      ['1st', 'first'],
    );
    const [arrived] = stage.heard;
    const [late, early] = verb === 'sync' ? ['1st', 'first'] : ['2nd', 'second'];
    t.like(arrived?.targets[0], { id: late, devices: [late] });
    t.like(arrived?.targets[1], { id: early, devices: [early] });
    t.false(JSON.stringify(answers).includes('2nd'), JSON.stringify(answers));
  });

  test(`presented pair: ${verb}, called at the first array → keeps the first id`, async (t) => {
    const stage = stageOf(['first', 'second']);
    rename(stage.at('a').devices, 0, { direction: verb === 'sync' ? 'outgoing' : 'none' });
    const target = { ...lone('first'), peers: [{ arrayId: 'b', deviceId: 'first' }] };
    await stage.door('a').call(verb, [target]);
    const peers = [{ arrayId: 'b', deviceId: 'second' }];
    t.deepEqual(stage.heard[0]?.targets, [{ ...lone('first'), peers }], 'and the real peer');
  });
}

test('presented pair: a fault, of each form → names first ids, in its members too', async (t) => {
  const stage = stageOf(['d', 'd-2'], ['e', 'd-20']);
  const fault = {
    kind: 'conflict',
    owner: 'array',
    message: 'd-2 waits for d-20, not for d-200 (d-2)',
    hint: 'stop d-20',
    members: ['d-20', 'd-2'],
    code: 'd-2',
  } as const;
  stage.at('b').says = (_verb, { id }) => (id === 'd-2' ? { id, fault } : undefined);
  const [failed, fine] = await stage.door('b').call('failover', [lone('d'), lone('e')]);
  const message = 'd waits for e, not for d-200 (d)';
  t.deepEqual(failed, {
    id: 'd',
    fault: { ...fault, message, hint: 'stop e', members: ['e', 'd'] },
  });
  t.deepEqual(fine, { id: 'e', ok: true });
});

test('presented pair: at the first array a fault that names the peer → names the first id', async (t) => {
  const stage = stageOf(['first', 'second']);
  const fault = { kind: 'refused', owner: 'array', message: 'second is away' } as const;
  stage.at('a').says = (_verb, { id }) => ({ id, fault });
  const answers = (await stage.door('a').call('sync', [lone('first')])) as readonly Answer[];
  t.like(answers[0], { id: 'first', fault: { message: 'first is away' } });
});

test('presented pair: no end, two ends, the wrong end → its own fault, nothing sent for it', async (t) => {
  const stage = stageOf(['good', 'good-2'], ['twice', 'x'], ['twice', 'y'], ['active', 'z']);
  rename(stage.at('b').devices, 3, { direction: 'outgoing' });
  const batch = ['gone', 'good', 'twice', 'active', 'good-2'].map(lone);
  const answers = await stage.door('b').call('testFailoverStart', batch);
  t.deepEqual(
    answers.map((answer) => ('fault' in answer ? [answer.id, answer.fault.code] : answer.id)),
    [
      ['gone', 'PEER_MISSING'],
      'good',
      ['twice', 'PEER_AMBIGUOUS'],
      ['active', 'WRONG_SIDE'],
      ['good-2', 'PEER_MISSING'],
    ],
  );
  for (const answer of answers) {
    if ('fault' in answer) t.true(answer.fault.message.startsWith(`${answer.id}:`));
  }
  t.deepEqual(
    stage.heard.map(({ verb, targets }) => [verb, targets]),
    [['testFailoverStart', [lone('good-2')]]],
  );
});

test('presented pair: how far its sync is can be asked at either end', async (t) => {
  const stage = stageOf(['first', 'second']);
  rename(stage.at('b').devices, 0, { direction: 'incoming' });
  for (const [arrayId, real] of [
    ['a', 'first'],
    ['b', 'second'],
  ] as const) {
    const [answer] = await stage.door(arrayId).call('syncStatus', [lone('first')]);
    t.like(answer, { id: 'first', value: { id: 'first', state: 'complete' } });
    t.is(stage.heard.at(-1)?.targets[0]?.id, real);
  }
});

test('presented pair: a group with one member that has no end → fails whole, the member named', async (t) => {
  const stage = stageOf(['one', 'two']);
  const group = { id: 'cg', devices: ['one', 'gone'] };
  const [answer] = await stage.door('b').call('failover', [group]);
  t.like(answer, { id: 'cg', fault: { kind: 'missing', members: ['gone'] } });
  t.deepEqual(stage.heard, []);
});

test('presented pair: groups keep their own id, with and without their devices', async (t) => {
  const stage = stageOf(['first', 'second']);
  rename(stage.at('b').devices, 0, { groupId: 'cg' });
  const whole = { id: 'cg', devices: [] };
  const named = { id: 'cg', devices: ['first'] };
  await stage.door('b').call('failover', [whole]);
  await stage.door('b').call('failover', [named]);
  t.deepEqual(
    stage.heard.flatMap(({ targets }) => targets),
    [whole, { id: 'cg', devices: ['second'] }],
  );
  rename(stage.at('b').devices, 0, { direction: 'outgoing' });
  const [answer] = await stage.door('b').call('testFailoverStart', [whole]);
  t.like(answer, { id: 'cg', fault: { code: 'WRONG_SIDE', members: ['first'] } });
});

const odd = [
  '<a href="x">&amp;</a>',
  'ÅΩ漢字🙂',
  ' ',
  "'; drop table --",
  '__proto__',
  'a\n\t"b"\\',
  '$&$1',
  'x'.repeat(256),
];

test('presented pair: ids of any content round-trip, in answers, faults and arguments', async (t) => {
  const pairs = odd.map((id, at) => [id, odd[(at + 1) % odd.length] as string] as const);
  const stage = stageOf(...pairs);
  t.deepEqual(
    (await stage.devices('b')).map(({ id }) => id),
    odd,
  );
  const to = Object.fromEntries(odd.map((id) => [id, 'incoming']));
  const answers = await stage.door('b').call('restoreReplication', odd.map(lone), { to });
  t.deepEqual(
    answers,
    odd.map((id) => ({ id, ok: true })),
  );
  const { targets, args } = stage.heard.at(-1) as (typeof stage.heard)[0];
  t.deepEqual(
    targets,
    pairs.map(([, second]) => lone(second)),
  );
  t.deepEqual(args, { to: Object.fromEntries(pairs.map(([, second]) => [second, 'incoming'])) });
  stage.at('b').says = (_verb, { id }) => ({
    id,
    fault: { kind: 'busy', owner: 'array', message: `(${id})`, members: [id] },
  });
  for (const [index, answer] of (await stage.door('b').call('fence', odd.map(lone))).entries()) {
    const id = odd[index] as string;
    t.like(answer, { id, fault: { message: `(${id})`, members: [id] } });
  }
});

test('presented pair: ids that cross and contain one another → each device is the one that is meant', async (t) => {
  const stage = stageOf(['x', 'y'], ['y', 'x'], ['xy', 'xyx']);
  await stage.door('b').call('failover', ['x', 'y', 'xy'].map(lone));
  t.deepEqual(stage.heard[0]?.targets, ['y', 'x', 'xyx'].map(lone));
});

test('presented pair: settle and poll → asked under the second id, answered under the first', async (t) => {
  const stage = stageOf(['first', 'second']);
  t.deepEqual(await stage.door('b').settle('failover', [lone('first'), lone('gone')]), [
    { id: 'first', verdict: 'done', evidence: { seen: 'first' } },
    { id: 'gone', verdict: 'unknowable', why: 'gone: b has no end of this pair; nothing was sent' },
  ]);
  const statuses = await stage.door('b').poll('sync', [{ id: 'first', operation: 'op' }]);
  t.deepEqual(statuses, [{ id: 'first', state: 'done', evidence: { polled: 'first' } }]);
  t.deepEqual(
    stage.heard.map(({ verb, targets }) => [verb, ...targets.map(({ id }) => id)]),
    [
      ['settle:failover', 'second'],
      ['poll', 'second'],
    ],
  );
});

test('table of verbs: every verb of the contract, or the start is refused', (t) => {
  t.notThrows(() => checkAddressing());
  t.throws(() => checkAddressing([...Object.keys(addressing), 'cloneDevice']), {
    message: /lacks \[cloneDevice\]/,
  });
  const { sync, ...rest } = addressing;
  t.throws(() => checkAddressing(Object.keys(rest)), { message: /has \[sync\] beyond/ });
  t.is(sync, 'source');
});

test('table of verbs: the page shows what holds', (t) => {
  const page = readFileSync(join(repoRoot, 'docs/presenting.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \| (\w*) ?\|$/gm)].map((row) =>
    row.slice(1),
  );
  const held = Object.entries(addressing)
    .filter(([, gets]) => gets !== 'none')
    .map(([verb, gets]) => [verb, gets, wrongSide[verb as Verb] ?? '']);
  t.deepEqual(rows.sort(), held.sort());
});
