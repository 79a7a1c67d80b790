import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import test from 'ava';
import {
  ConfigError,
  type ConfigOverrides,
  type DaemonConfig,
  loadConfig,
  parseConfig,
} from '../../daemon/config.ts';
import { tempDir } from '../_support/temp.ts';

const file = '/etc/siteswap/siteswap.yaml';

const right = `site: a
state: state
sites:
  - { id: a, name: Amsterdam }
  - { id: b }
plugins:
  - { id: files, module: '@siteswap/plugin-files' }
  - { id: acme, module: ../acme/plugin.js }
arrays:
  - id: array-a
    site: a
    plugin: files
    config: { directory: /data/a, limits: { calls: 4 } }
  - { id: array-b, site: b, plugin: acme, config: { token: { env: ACME_TOKEN } } }
computes:
  - { id: compute-b, site: b, plugin: files }
`;
const env = { ACME_TOKEN: 'hunter2' };

const parse = (text: string, overrides?: ConfigOverrides): DaemonConfig =>
  parseConfig(text, file, overrides, env);

/** Every problem's `line:column path: message`, with its suggestion. */
const problemsOf = (text: string, overrides?: ConfigOverrides): string[] => {
  try {
    parse(text, overrides);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map(
      ({ line, column, path, message, suggestion }) =>
        `${line}:${column} ${path}: ${message}${suggestion ? ` (${suggestion}?)` : ''}`,
    );
  }
};

test('config: a right file → everything absolute, resolved and with defaults', (t) => {
  const config = parse(right);
  t.is(config.site, 'a');
  t.is(config.state, '/etc/siteswap/state');
  t.deepEqual(config.listen, [{ kind: 'unix', path: '/etc/siteswap/state/siteswap.sock' }]);
  t.deepEqual(config.sites, [
    { id: 'a', name: 'Amsterdam' },
    { id: 'b', name: 'b' },
  ]);
  const at = '/etc/siteswap/siteswap.yaml';
  t.deepEqual(config.plugins, [
    { id: 'files', module: '@siteswap/plugin-files', place: `plugins[0], ${at}:7:5` },
    { id: 'acme', module: 'file:///etc/acme/plugin.js', place: `plugins[1], ${at}:8:5` },
  ]);
  const remotes = config.remotes.map(({ written: _written, ...remote }) => remote);
  t.deepEqual(remotes, [
    {
      id: 'array-a',
      kind: 'array',
      siteId: 'a',
      pluginId: 'files',
      module: '@siteswap/plugin-files',
      config: { directory: '/data/a', limits: { calls: 4 } },
    },
    {
      id: 'array-b',
      kind: 'array',
      siteId: 'b',
      pluginId: 'acme',
      module: 'file:///etc/acme/plugin.js',
      config: { token: 'hunter2' },
    },
    {
      id: 'compute-b',
      kind: 'compute',
      siteId: 'b',
      pluginId: 'files',
      module: '@siteswap/plugin-files',
      config: {},
    },
  ]);
  t.is(config.workers, 2);
  t.deepEqual(config.injections, []);
  t.deepEqual(config.log, { level: 'info' });
});

test('config: every problem at once, each at its line, with what is near', (t) => {
  const wrong = `site: c
listen: 0.0.0.0:7400
workrs: 4
sites:
  - id: a
  - id: a
plugins:
  - { id: files, modul: x }
arrays:
  - { id: array-a, site: a, plugin: fils }
  - { id: array-a, site: 7, plugin: files, config: { token: { env: NOWHERE } } }
log: { level: inof }
`;
  t.deepEqual(problemsOf(wrong), [
    '1:1 : "state" is missing',
    '1:7 site: no "c" among the sites of this file (a?)',
    '2:9 listen: "0.0.0.0" is not a loopback host: the API does not ask who calls, ' +
      'so it listens only where nobody but this machine can reach it',
    '3:1 workrs: unknown key "workrs" (workers?)',
    '6:9 sites[1].id: "a" is the id of sites[0] already',
    '8:18 plugins[0].modul: unknown key "modul" (module?)',
    '10:37 arrays[0].plugin: no "fils" among the plugins of this file (files?)',
    '11:11 arrays[1].id: "array-a" is the id of arrays[0] already',
    '11:26 arrays[1].site: found 7',
    '11:61 arrays[1].config.token: the environment variable NOWHERE is not set',
    '12:15 log.level: found "inof" (info?)',
  ]);
});

test('config: the message shows file, line, path and the expected form of each', (t) => {
  const error = t.throws(() => parse(right.replace('site: a', 'site: x')), {
    instanceOf: ConfigError,
  });
  t.is(
    error?.message,
    [
      `The configuration ${file} has a problem:`,
      `${file}:1:7: site: no "x" among the sites of this file`,
      '  did you mean "a"?',
      '  expected the id of one of its sites (defined: a, b)',
    ].join('\n'),
  );
});

for (const [text, expected] of [
  ['unix:run/api.sock', { kind: 'unix', path: '/etc/siteswap/run/api.sock' }],
  ['unix:/run/siteswap.sock', { kind: 'unix', path: '/run/siteswap.sock' }],
  ['127.0.0.1:7400', { kind: 'tcp', host: '127.0.0.1', port: 7400 }],
  ['127.1.2.3:0', { kind: 'tcp', host: '127.1.2.3', port: 0 }],
  ['"[::1]:7400"', { kind: 'tcp', host: '::1', port: 7400 }],
  ['localhost:7400', { kind: 'tcp', host: 'localhost', port: 7400 }],
] as const) {
  test(`config: listen ${text} → taken`, (t) => {
    t.deepEqual(parse(`${right}listen: ${text}\n`).listen, [expected]);
  });
}

for (const [text, message] of [
  ['0.0.0.0:7400', /not a loopback host/],
  ['"[::]:7400"', /not a loopback host/],
  ['storage.example:7400', /not a loopback host/],
  ['127.evil.example:7400', /not a loopback host/],
  ['"::1:7400"', /not an address/],
  ['"7400"', /not an address/],
  ['":7400"', /not an address/],
  ['127.0.0.1:99999', /no port 99999/],
  ['"unix:"', /path of the socket is missing/],
  [`unix:/${'x'.repeat(200)}`, /201 bytes; a socket's path has at most/],
  ['7400', /found 7400/],
] as const) {
  test(`config: listen ${text.slice(0, 30)} → refused, saying why`, (t) => {
    const problems = problemsOf(`${right}listen: ${text}\n`);
    t.is(problems.length, 1);
    t.regex(problems[0] ?? '', message);
  });
}

test('config: several addresses, each checked', (t) => {
  const config = parse(`${right}listen: [unix:a.sock, 127.0.0.1:0]\n`);
  t.deepEqual(
    config.listen.map(({ kind }) => kind),
    ['unix', 'tcp'],
  );
  t.regex(problemsOf(`${right}listen: [unix:a.sock, 'x:1']\n`)[0] ?? '', /^17:23 listen\[1\]: "x"/);
});

test('config: the command line goes before the file, with its own base directory', (t) => {
  const config = parse(`${right}listen: 127.0.0.1:1\n`, { listen: ['unix:s.sock'], state: 'st' });
  t.is(config.state, join(process.cwd(), 'st'));
  t.deepEqual(config.listen, [{ kind: 'unix', path: join(process.cwd(), 's.sock') }]);
  const withoutState = right.replace('state: state\n', '');
  t.is(parse(withoutState, { state: '/var/s' }).state, '/var/s');
  t.regex(problemsOf(right, { listen: ['0.0.0.0:1'] })[0] ?? '', /--listen: "0\.0\.0\.0" is not/);
  const { message } = t.throws(() => parse(right, { listen: ['nowhere'] }), {
    instanceOf: ConfigError,
  });
  t.regex(message, /\ncommand line:1:1: --listen: /, 'no line of the file is to blame');
});

test('config: one id for an array and a compute → refused, for calls name it alone', (t) => {
  t.deepEqual(problemsOf(right.replace('id: compute-b', 'id: array-a')), [
    '16:11 computes[0].id: "array-a" is the id of arrays[0] already',
  ]);
});

test('config: an injection for what does not exist → refused at its line, did you mean', (t) => {
  const error = t.throws(
    () =>
      parse(`${right}injections:
  - name: a
    step: promote-traget
    verb: failovr
    effect: { effect: hang }
  - { name: b, site: wset, mode: plannd, effect: { effect: hang } }
  - { name: c, step: mount, verb: powerOn, effect: { effect: hang } }
`),
    { instanceOf: ConfigError },
  );
  const line = right.split('\n').length;
  const told = error.problems.map((one) => [one.line - line, one.path, one.suggestion]);
  t.deepEqual(told, [
    [2, 'injections[0].step', 'promote-target'],
    [3, 'injections[0].verb', 'failover'],
    [5, 'injections[1].site', undefined],
    [5, 'injections[1].mode', 'planned'],
    [6, 'injections[2].verb', undefined],
  ]);
});

test('config: an injection that holds a secret → refused at its line, and not shown', (t) => {
  const rule =
    '{ name: a, effect: { effect: error, fault: { kind: busy, message: kenar-7f-and-more-of-it } } }';
  const error = t.throws(
    () => parse(`${right}injector: { token: kenar-7f-and-more-of-it }\ninjections:\n  - ${rule}\n`),
    { instanceOf: ConfigError },
  );
  t.deepEqual(
    error.problems.map(({ path, message }) => `${path} ${message}`),
    ['injections[0] holds a secret of the configuration'],
  );
});

test('config: injections → the engine’s rules', (t) => {
  const config = parse(`${right}injections:
  - name: lose-it
    remote: array-b
    step: promote-target
    nth: 2
    effect: { effect: lost-reply }
  - { name: busy, budget: 1, effect: { effect: error, fault: { kind: busy } } }
`);
  t.deepEqual(config.injections, [
    {
      name: 'lose-it',
      remoteId: 'array-b',
      step: 'promote-target',
      nth: 2,
      effect: { effect: 'lost-reply' },
    },
    {
      name: 'busy',
      budget: 1,
      effect: {
        effect: 'error',
        fault: { kind: 'busy', owner: 'array', message: 'injected on purpose' },
      },
    },
  ]);
  const wrong = `${right}injections:
  - { name: a, remote: arry-b, effect: { effect: error } }
  - { name: b, effect: { effect: explode } }
  - { name: c, effect: { effect: error, fault: { kind: bussy } } }
`;
  const problems = problemsOf(wrong);
  t.regex(problems.join('\n'), /18:\d+ injections\[0\]\.effect\.fault: "fault" is missing/);
  t.regex(problems.join('\n'), /18:\d+ injections\[0\]\.remote: no "arry-b".*\(array-b\?\)/);
  t.regex(problems.join('\n'), /19:\d+ injections\[1\]\.effect/);
  t.regex(problems.join('\n'), /20:\d+ injections\[2\]\.effect\.fault\.kind: .*\(busy\?\)/);
});

test('config: secrets from files and variables, in depth; each that fails says why', async (t) => {
  const dir = await tempDir(t);
  await writeFile(join(dir, 'token'), 'from-file\n');
  await writeFile(join(dir, 'empty'), '');
  await writeFile(join(dir, 'large'), 'x'.repeat(100_000));
  const config = (text: string) =>
    right.replace('{ directory: /data/a, limits: { calls: 4 } }', text);
  const read = (text: string) => parseConfig(config(text), join(dir, 'c.yaml'), {}, env);
  const good = read('{ list: [{ a: { file: token } }], b: { env: X, file: Y }, file: plain }');
  t.deepEqual(good.remotes[0]?.config, {
    list: [{ a: 'from-file' }],
    b: { env: 'X', file: 'Y' },
    file: 'plain',
  });
  t.deepEqual(
    good.secrets.map((secret) => secret.reveal()),
    ['from-file', 'hunter2'],
  );
  const bad = '{ a: { file: none }, b: { file: empty }, c: { file: large }, d: { file: . } }';
  const error = t.throws(() => read(bad), { instanceOf: ConfigError });
  t.deepEqual(
    error?.problems.map(({ path }) => path),
    ['a', 'b', 'c', 'd'].map((key) => `arrays[0].config.${key}`),
  );
  t.regex(error?.message ?? '', /no such file.*\n.*\n.*empty is empty\n.*\n.*too large/);
});

test('config: a secret written into the file is known as one, and nothing prints it', (t) => {
  const text = right.replace('{ env: ACME_TOKEN }', 'literal-canary');
  const { secrets } = parse(text);
  t.deepEqual(
    secrets.map((secret) => secret.reveal()),
    ['literal-canary'],
  );
  t.false(`${inspect(secrets)}${JSON.stringify(secrets)}${secrets}`.includes('canary'));
  const misplaced = right.replace('{ token: { env: ACME_TOKEN } }', 'literal-canary');
  const error = t.throws(() => parse(misplaced), { instanceOf: ConfigError });
  t.regex(error?.message ?? '', /arrays\[1\]\.config: this is not a mapping/);
  t.false(error?.message.includes('canary'));
});

for (const [what, text] of Object.entries({
  'an empty file': '',
  'a list': '- a\n',
  'a text': 'hello\n',
  'unclosed brackets': 'site: [a\n',
  'a key twice': 'site: a\nsite: b\n',
  'a bomb of aliases': `a: &a [x, x]\n${'bcdefghijklmnop'
    .split('')
    .map((key, n) => `${key}: &${key} [${`*${'abcdefghijklmno'[n]}, `.repeat(9)}]`)
    .join('\n')}\n`,
})) {
  test(`config: ${what} → a typed error with a line`, (t) => {
    t.true(problemsOf(text).length > 0);
    t.regex(problemsOf(text)[0] ?? '', /^\d+:\d+ /);
  });
}

test('config: a file that cannot be read → a typed error that names it', async (t) => {
  const dir = await tempDir(t);
  for (const path of [join(dir, 'none.yaml'), dir]) {
    const error = t.throws(() => loadConfig(path), { instanceOf: ConfigError });
    t.true(error?.message.includes(path));
    t.regex(error?.message ?? '', /cannot be read/);
  }
});

test('config: a file on disk is read as text is', async (t) => {
  const path = join(await tempDir(t), 'siteswap.yaml');
  await writeFile(path, right);
  t.is(loadConfig(path, {}, env).remotes.length, 3);
  t.is(loadConfig(path, {}, env).file, path);
});

test('config: a journal in PostgreSQL → its URL and its password are secrets', (t) => {
  const url = 'postgres://ann:p%40ss@db.example/siteswap';
  const written = parse(`${right}journal: { postgres: '${url}' }\n`);
  t.is(written.postgres?.reveal(), url);
  const known = written.secrets.map((secret) => secret.reveal());
  for (const secret of [url, 'p%40ss', 'p@ss']) t.true(known.includes(secret), secret);
  const named = parseConfig(
    `${right}journal: { postgres: { env: DB } }\n`,
    file,
    {},
    {
      ...env,
      DB: url,
    },
  );
  t.is(named.postgres?.reveal(), url);
  t.notRegex(inspect(named), /p%40ss/);
});

test('config: a journal that is no URL of PostgreSQL → told at its line, and not shown', (t) => {
  for (const text of ['mysql://ann:p4ss@db/x', 'db.example', '{ env: NOT_SET }']) {
    const written = text.startsWith('{') ? text : `'${text}'`;
    const problems = problemsOf(`${right}journal: { postgres: ${written} }\n`);
    t.is(problems.length, 1);
    t.regex(problems[0] ?? '', /^17:\d+ journal\.postgres: /);
    t.notRegex(problems[0] ?? '', /p4ss/);
  }
});
