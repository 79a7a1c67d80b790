import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { shapesOf, whole } from './lattice.ts';
import { lineOf, shardOf, toldIn } from './told.ts';

const command = join(import.meta.dirname, 'main.js');

test('models: each of the 555 shapes of the whole lattice has a title of its own', (t) => {
  const titles = shapesOf(whole).map(({ title }) => title);
  t.is(titles.length, 555);
  t.is(new Set(titles).size, 555);
});

test('models: --shard 5/5 is the last of five; 0/5, 6/5 and half of one are refused', (t) => {
  t.deepEqual(shardOf('5/5'), { index: 4, of: 5 });
  for (const wrong of ['0/5', '6/5', '0.5/1', '5']) t.throws(() => shardOf(wrong));
});

test('models: --log, cut off → what was told is not run again, but where there were breaches', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'models-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  const run = (...more: readonly string[]) => {
    const bounds = ['--workgroups', '1', '--steps', '2', '--threads', '1'];
    const given = [command, ...bounds, '--log', log, ...more];
    return spawnSync(process.execPath, given, { encoding: 'utf8' });
  };
  const shard = run('--shard', '1/2');
  t.regex(shard.stdout, /^2 shapes, /m);
  const [first] = [...toldIn(readFileSync(log, 'utf8')).values()];
  if (first === undefined) return t.fail('nothing was told');
  const broken = { ...first.finding, breaches: ['once'], breachesTotal: 1 };
  appendFileSync(log, lineOf({ ...first, finding: broken }));
  const whole = run();
  t.is(whole.status, 0);
  t.regex(whole.stdout, /^4 shapes, /m);
  t.is(whole.stdout.match(/; 0 breaches$/gm)?.length, 3);
  t.is(readFileSync(log, 'utf8').split('\n').length - 1, 2 + 1 + 3);
});
