/** What the host makes of plugins: definitions, configurations, errors and answers. */
import test from 'ava';
import { parseConfig } from '../../daemon/config.ts';
import { checkAnswers, checkSettlements, checkStatuses } from '../../daemon/host/answers.ts';
import { readConfig } from '../../daemon/host/config.ts';
import { carriedFault, parseFault, unnamedFault } from '../../daemon/host/faults.ts';
import { loadPlugin } from '../../daemon/host/load.ts';
import { scrubberOf } from '../../daemon/host/scrub.ts';
import { checkDefinition, describe } from '../../sdk/plugin/check.ts';
import {
  definePlugin,
  FaultError,
  fault,
  type PluginDefinition,
  secret,
  text,
  z,
} from '../../sdk/plugin/index.ts';

const sound = definePlugin({
  name: 'acme',
  version: '1.2.3',
  contract: 1,
  config: z.object({ endpoint: text(), token: secret(), retries: z.number().default(3) }),
  properties: { fences: true, updateModes: ['synchronous'] },
  open: () => ({}),
  verbs: {
    discoverDevices: () => ({ items: [] }),
    deviceStatus: () => [],
    failover: { run: () => [], settle: () => [] },
    sync: { run: () => [], repeatable: true },
    reverse: () => [],
  },
});

/** As the host gets it: any plugin's, checked. */
const checked = (value: unknown): PluginDefinition => {
  const result = checkDefinition(value);
  if ('problems' in result) throw new Error(result.problems.join());
  return result.definition;
};

const problemsOf = (value: unknown): string => {
  const result = checkDefinition(value);
  return 'problems' in result ? result.problems.join('\n') : '';
};

test('check: a sound definition → accepted, and what cannot be settled is noted', (t) => {
  const result = checkDefinition(sound);
  if ('problems' in result) return t.fail(result.problems.join());
  t.is(result.notes.length, 1);
  t.regex(result.notes[0] ?? '', /verbs\.reverse: neither settle nor repeatable/);
});

test('check: every problem is named with its place, all at once', (t) => {
  const words = problemsOf({
    name: '',
    contract: 2,
    config: {},
    instance: 'double',
    close: 'later',
    verbs: { teleport: () => [], failover: { settle: () => [] }, listVms: { run: () => [] } },
  });
  t.regex(words, /^name: expected a text/m);
  t.regex(words, /^version: expected a text, found nothing/m);
  t.regex(words, /^made for contract 2, this daemon speaks 1: /m);
  t.regex(words, /^config: expected a zod object/m);
  t.regex(words, /^open: expected a function that returns a session, found nothing/m);
  t.regex(words, /^close: expected a function or nothing, found a string/m);
  t.regex(words, /^instance: expected 'single'/m);
  t.regex(words, /^verbs\.teleport: no such verb/m);
  t.regex(words, /^verbs\.failover: expected a function or \{ run/m);
  t.regex(words, /^verbs\.listVms: expected a function/m);
});

test('check: what is no definition at all → said so', (t) => {
  for (const value of [undefined, null, 'acme', () => {}]) {
    t.regex(problemsOf(value), /expected a default export made by definePlugin/);
  }
  t.regex(problemsOf({ ...sound, verbs: {} }), /the plugin offers none/);
});

test('describe: plain data that survives JSON', (t) => {
  const description = describe(checked(sound));
  t.deepEqual(JSON.parse(JSON.stringify(description)), description);
  t.deepEqual(description.properties, {
    fences: true,
    atomicGroups: false,
    updateModes: ['synchronous'],
    keepsRecoveryPoints: false,
    stretched: false,
  });
  const declared = Object.fromEntries(
    description.verbs.map(({ verb, settles, repeatable }) => [verb, [settles, repeatable]]),
  );
  t.deepEqual(declared, {
    discoverDevices: [false, true],
    deviceStatus: [false, true],
    failover: [true, false],
    sync: [false, true],
    reverse: [false, false],
  });
});

const remote = (config: Record<string, unknown>) => ({
  id: 'a1',
  kind: 'array' as const,
  siteId: 'west',
  pluginId: 'acme',
  module: 'acme',
  config,
});

test('config: read with defaults, secrets wrapped and known to the scrubber', (t) => {
  const read = readConfig(checked(sound), remote({ endpoint: 'https://a1', token: 'hunter2!' }));
  if ('fault' in read) return t.fail(read.fault.message);
  t.is(read.config.retries, 3);
  t.is(JSON.stringify(read.config.token), '"[secret]"');
  t.is(read.scrub.text('with hunter2! and hunter2%21'), 'with [secret] and hunter2%21');
});

test('config: problems name field and form, and show no value of the file', (t) => {
  const strict = checked({
    ...sound,
    config: z.object({
      endpoint: text().refine(() => false, { error: ({ input }) => `bad endpoint ${input}` }),
      token: secret(),
    }),
  });
  const given = { endpoint: 'https://very-private', tokn: 'hunter2hunter2' };
  const read = readConfig(strict, remote(given));
  if (!('fault' in read)) return t.fail('it was accepted');
  t.like(read.fault, { kind: 'unsupported', owner: 'plugin', code: 'PLUGIN_CONFIG' });
  t.regex(read.fault.message, /^array a1 is not configured as plugin acme wants: /);
  t.regex(
    read.fault.message,
    /config\.tokn: unknown key "tokn" \(did you mean "token"\? expected one of endpoint, token\)/,
  );
  t.regex(read.fault.message, /config\.token: "token" is missing \(expected a secret: /);
  t.regex(read.fault.message, /config\.endpoint: bad endpoint \[hidden\]/);
  t.false(read.fault.message.includes('hunter2'));
});

test('config: problems stand at their line in the file, deep ones and mistyped keys too', (t) => {
  const nested = checked({
    ...sound,
    config: z.strictObject({
      endpoint: text(),
      login: z.strictObject({ user: text(), retries: z.int().min(1).max(9) }),
      way: z.enum(['sync', 'async']),
    }),
  });
  const file = [
    'site: here',
    'state: state',
    'sites: [{ id: here }]',
    'plugins: [{ id: acme, module: acme }]',
    'arrays:',
    '  - id: a1',
    '    site: here',
    '    plugin: acme',
    '    config:',
    '      endpoint: 17',
    '      login:',
    '        usr: private-name',
    '        retries: 4711',
    '      way: asyn',
  ].join('\n');
  const [a1] = parseConfig(file, '/etc/s.yaml').remotes;
  if (a1 === undefined) return t.fail();
  const read = readConfig(nested, a1);
  if (!('fault' in read)) return t.fail('it was accepted');
  const problems = read.fault.message.split(/; |wants: /).slice(1);
  t.deepEqual(problems.toSorted(), [
    '/etc/s.yaml:10:7: arrays[0].config.endpoint: found a number (expected text)',
    '/etc/s.yaml:11:7: arrays[0].config.login.user: "user" is missing (expected text)',
    '/etc/s.yaml:12:9: arrays[0].config.login.usr: unknown key "usr" ' +
      '(did you mean "user"? expected one of user, retries)',
    '/etc/s.yaml:13:9: arrays[0].config.login.retries: found a number ' +
      '(expected a whole number from 1 to 9)',
    '/etc/s.yaml:14:7: arrays[0].config.way: found text ' +
      '(did you mean "async"? expected one of sync, async)',
  ]);
});

test('load: a module that is not there → refused in words, not thrown', async (t) => {
  const loaded = await loadPlugin('ghost', './no-such-plugin.js', import.meta.dirname);
  if (!('fault' in loaded)) return t.fail('it was loaded');
  t.like(loaded.fault, { kind: 'unsupported', code: 'PLUGIN_LOAD_FAILED' });
  t.regex(loaded.fault.message, /plugin ghost \(\.\/no-such-plugin\.js\) does not load/);
});

test('load: a relative path is taken from the given directory', async (t) => {
  const dir = new URL('../_support/plugins', import.meta.url).pathname;
  const loaded = await loadPlugin('puppet', './puppet.js', dir);
  t.true('definition' in loaded);
});

test('faults: carried by any error of the right shape; malformed ones are not', (t) => {
  const busy = fault('busy', 'later', { code: 'X1', members: ['d1'] });
  t.deepEqual(carriedFault(new FaultError(busy)), busy);
  t.deepEqual(carriedFault({ fault: busy }), busy);
  for (const bad of [undefined, null, 7, {}, { ...busy, kind: 'angry' }, { ...busy, code: 17 }]) {
    t.is(parseFault(bad), undefined);
  }
  t.is(parseFault({ ...busy, members: 'd1' }), undefined);
});

test('faults: whatever is thrown gets words, and never too many', (t) => {
  t.like(unnamedFault(Object.assign(new Error('no route'), { code: 'EHOSTUNREACH' })), {
    kind: 'unknown',
    owner: 'plugin',
    message: 'Error: no route',
    code: 'EHOSTUNREACH',
  });
  t.is(unnamedFault(undefined).message, 'undefined');
  t.is(unnamedFault(Object.create(null)).message, 'something that has no words');
  t.true(unnamedFault('x'.repeat(1_000_000)).message.length < 3_000);
});

test('scrub: every shape of every secret, the longest first', (t) => {
  const scrub = scrubberOf(['p"w/1', 'p"w/1-longer', '']);
  t.is(scrub.text('p"w/1-longer p"w/1'), '[secret] [secret]');
  t.is(scrub.text('{"t":"p\\"w/1"} ?t=p%22w%2F1'), '{"t":"[secret]"} ?t=[secret]');
  t.is(scrub.text(Buffer.from('p"w/1').toString('base64')), '[secret]=');
  const evidence = scrub.evidence({ by: 'p"w/1', at: 5, ok: true });
  t.deepEqual(evidence, { by: '[secret]', at: 5, ok: true });
  t.is(scrubberOf([]).text('as it is'), 'as it is');
});

const plain = scrubberOf([]);
const targets = [{ id: 'a' }, { id: 'b' }];
const kinds = (answers: readonly object[]) =>
  answers.map((answer) => Object.keys(answer).find((key) => key !== 'id'));

test('answers: any order is taken, strangers are not heard, twice is nonsense', (t) => {
  const check = (raw: unknown) => checkAnswers('failover', targets, raw, plain, true);
  const ok = (id: string) => ({ id, ok: true });
  t.deepEqual(check([ok('b'), ok('a')]), [ok('a'), ok('b')] as never);
  t.deepEqual(kinds(check([ok('a'), ok('b'), ok('c')])), ['ok', 'ok']);
  t.deepEqual(kinds(check([ok('a'), ok('b'), ok('a')])), ['fault', 'ok']);
  t.deepEqual(kinds(check([null, 'ok', ok('b')])), ['fault', 'ok']);
  t.deepEqual(kinds(check({ a: ok('a') })), ['fault', 'fault']);
});

test('answers: one form, the right one for the verb', (t) => {
  const one = (verb: 'failover' | 'vmStatus', answer: object, polls = true) =>
    kinds(checkAnswers(verb, [{ id: 'a' }], [{ id: 'a', ...answer }], plain, polls))[0];
  t.is(one('failover', {}), 'fault');
  t.is(one('failover', { ok: false }), 'fault');
  t.is(one('failover', { ok: true, fault: fault('busy', 'x') }), 'fault');
  t.is(one('failover', { value: 1 }), 'fault');
  t.is(one('failover', { accepted: { operation: 'o' } }), 'accepted');
  t.is(one('failover', { accepted: { operation: 'o' } }, false), 'fault');
  t.is(one('failover', { accepted: {} }), 'fault');
  t.is(one('vmStatus', { ok: true }), 'fault');
  t.is(one('vmStatus', { value: { id: 'a', registered: true, power: 'sleepy' } }), 'fault');
  t.is(one('vmStatus', { value: { id: 'a', registered: true, power: 'on' } }), 'value');
});

test('answers: evidence is small, flat and finite', (t) => {
  const one = (evidence: unknown) =>
    kinds(checkAnswers('sync', [{ id: 'a' }], [{ id: 'a', ok: true, evidence }], plain, true))[0];
  t.is(one({ at: 1, by: 'x', ok: true, left: undefined }), 'ok');
  t.is(one({ at: Number.NaN }), 'fault');
  t.is(one({ deep: {} }), 'fault');
  t.is(one(['x']), 'fault');
  t.is(one({ long: 'x'.repeat(2_000) }), 'fault');
  t.is(one(Object.fromEntries([...Array(40).keys()].map((n) => [`k${n}`, n]))), 'fault');
});

test('settlements and statuses: nonsense parks or faults its own target only', (t) => {
  const settled = checkSettlements(
    'sync',
    targets,
    [
      { id: 'a', verdict: 'perhaps' },
      { id: 'b', verdict: 'done' },
    ],
    plain,
  );
  t.like(settled, [{ verdict: 'unknowable' }, { verdict: 'done' }]);
  const statuses = checkStatuses(
    'sync',
    targets,
    [
      { id: 'a', state: 'running', progress: 7 },
      { id: 'b', state: 'failed' },
    ],
    plain,
  );
  t.like(statuses, [{ state: 'running' }, { state: 'failed', fault: { code: 'BAD_ANSWER' } }]);
  t.false('progress' in (statuses[0] ?? {}));
});
