import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { RunState } from '../../daemon/core/engine/state.ts';
import type { Entry } from '../../daemon/core/entries.ts';
import { decode } from '../../daemon/core/entry-text.ts';
import { createLog, runLogOf } from '../../daemon/log.ts';
import { Secret } from '../../sdk/plugin/config.ts';
import { tempDir } from '../_support/temp.ts';

const canary = 'can"ary\\n 42/ü';

/** A log into a list of parsed lines. */
const listed = (level: 'debug' | 'info' | 'warn', secrets: readonly string[] = []) => {
  const raw: string[] = [];
  const config = { log: { level }, secrets: secrets.map((secret) => new Secret(secret)) };
  const log = createLog(config, (line) => raw.push(line));
  return { log, raw, lines: () => raw.map((line) => JSON.parse(line)) };
};

test('log: a line is one JSON object with time, level and message', (t) => {
  const { log, raw, lines } = listed('info');
  log.logger.info('ready');
  t.true(raw[0]?.endsWith('}\n'));
  t.like(lines()[0], { level: 'info', msg: 'ready' });
  t.regex(lines()[0].time, /^\d{4}-\d\d-\d\dT.*Z$/);
});

test('log: below the configured level nothing is written', (t) => {
  const { log, raw } = listed('warn');
  log.logger.info('no');
  log.about({ run: 'r' }).debug('no');
  t.deepEqual(raw, []);
});

test('log: ids stand under their own names', (t) => {
  const { log, lines } = listed('info');
  log.about({ run: 'r1', workgroup: 's1', step: 'sync', call: 'k' }).info('called');
  t.like(lines()[0], { run: 'r1', workgroup: 's1', step: 'sync', call: 'k', msg: 'called' });
});

test('log: a canary secret is nowhere, in whatever way it is logged', (t) => {
  const { log, raw, lines } = listed('info', [canary, 'x']);
  const error = new Error(`login with ${canary} failed`, { cause: new Error(canary) });
  log.logger.info(canary);
  log.logger.info({ err: error }, 'failed: %s', canary);
  log.logger.info({ deep: [{ [canary]: canary }], json: JSON.stringify({ token: canary }) });
  log.logger.info({ url: `https://acme/?t=${encodeURIComponent(canary)}` });
  log.logger.info({ header: `Bearer ${Buffer.from(canary).toString('base64')}` });
  log.logger.info({ secret: new Secret(canary) });
  log.logger.child({ token: canary }).info('child');
  log.logger.info({ holder: { secret: new Secret(canary) } });
  t.is(lines().length, 8);
  const all = JSON.stringify(lines());
  for (const trace of ['ary', encodeURIComponent('ü'), Buffer.from(canary).toString('base64')]) {
    t.false(all.includes(trace), trace);
  }
  t.true(raw.every((line) => line.includes('[secret]')));
});

test('log: a secret that looks like part of JSON leaves the line readable', (t) => {
  for (const secret of ['"', '\\', 'n', ':', '1', 'level', '{}']) {
    const { log, lines } = listed('info', [secret]);
    log.logger.info({ N: 11, T: `a\n${secret}` }, 'line');
    t.is(lines()[0].N, 11);
    t.true(lines()[0].T.includes('[secret]'));
  }
});

test('log: without secrets in a line it is written as it was', (t) => {
  const { log, raw } = listed('info', [canary]);
  log.logger.info({ a: 1 }, 'harmless');
  t.regex(raw[0] ?? '', /^\{"level":"info","time":"[^"]+","a":1,"msg":"harmless"\}\n$/);
});

test('log: to a file, whose directory is made; closing writes what waits', async (t) => {
  const file = join(await tempDir(t), 'logs', 'siteswap.log');
  const log = createLog({ log: { level: 'info', file }, secrets: [new Secret(canary)] });
  log.logger.info({ token: canary }, 'first');
  log.logger.info('second');
  log.close();
  const lines = (await readFile(file, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.deepEqual(
    lines.map(({ msg, token }) => [msg, token]),
    [
      ['first', '[secret]'],
      ['second', undefined],
    ],
  );
});

test('log: a file that cannot be opened → an error that names it and the setting', async (t) => {
  const file = await tempDir(t);
  const message = new RegExp(`${file} cannot be opened .*log\\.file`);
  t.throws(() => createLog({ log: { level: 'info', file }, secrets: [] }), { message });
});

/** As much of a run's state as its lines need. */
const state = {
  started: { runId: 'r1', initiatorId: 'i1' },
  frozen: { steps: [{ name: 'sync' }] },
  groups: [{ id: 's1' }],
} as unknown as RunState;

const task = { at: 0, group: 0, step: 0, direction: 'run', attempt: 2 } as const;
const fault = { kind: 'busy', owner: 'array', message: 'later' } as const;

test('log: the engine’s entries → turns at info, faults at warn, the rest at debug', (t) => {
  const entries: Entry[] = [
    { type: 'task-started', ...task },
    { type: 'task-outcome', ...task, done: '0-9', faults: [] },
    { type: 'task-outcome', ...task, done: '1-9', faults: [{ items: '0', fault }] },
    { type: 'run-parked', at: 0, reason: 'stopped' },
    { type: 'run-ended', at: 0, result: 'incomplete' },
  ];
  const { log, lines } = listed('debug');
  const runLog = runLogOf(log);
  for (const entry of entries) runLog.entry(state, entry);
  t.deepEqual(
    lines().map(({ level, msg }) => [level, msg]),
    [
      ['debug', 'task-started'],
      ['debug', 'task-outcome'],
      ['warn', 'task-outcome'],
      ['info', 'run-parked'],
      ['info', 'run-ended'],
    ],
  );
  t.like(lines()[2], { run: 'r1', workgroup: 's1', step: 'sync', call: 'i1/sync/run/2' });
  t.deepEqual(lines()[2].faults, [{ items: '0', fault }]);
  t.like(lines()[4], { run: 'r1', result: 'incomplete' });
});

test('log: an agent that broke → an error line with the stack', (t) => {
  const { log, lines } = listed('info');
  runLogOf(log).broken('r1', new Error('defect'));
  t.like(lines()[0], { level: 'error', run: 'r1' });
  t.is(lines()[0].err.message, 'defect');
});

test('log: a new journal, a plugin that cannot be used, a remote that is away and back → a line each', (t) => {
  const { log, lines } = listed('info');
  const told = runLogOf(log);
  told.begun();
  told.plugin('acme', 'its module cannot be loaded');
  told.remote('west', 'the array does not answer');
  told.remote('west', '');
  t.like(lines(), {
    0: { level: 'warn' },
    1: { level: 'error', plugin: 'acme', msg: 'its module cannot be loaded' },
    2: { level: 'warn', remote: 'west', msg: 'the array does not answer' },
    3: { level: 'info', remote: 'west', msg: 'answers again' },
  });
  t.regex(lines()[0].msg, /the journal is empty/);
});

test('journal: an entry that nobody can have written → JOURNAL_DAMAGED, without its text', (t) => {
  const damaged = t.throws(() => decode(`{"type":"task-outcome","secret":"${canary}`));
  t.like(damaged, { reason: 'JOURNAL_DAMAGED' });
  t.false(damaged?.message.includes(canary));
});
