/** Daemons that cannot start: each says why and what to do, and harms nobody who runs. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Mode, RunResult } from '../../sdk/client/index.ts';
import { labConfig, startDaemon } from '../../sdk/testing/index.ts';
import { DaemonProcess, findLauncher } from '../../sdk/testing/launcher.ts';
import { labPlan } from '../_support/daemon-on-lab.ts';
import { fingerprintOf } from '../_support/files.ts';
import { mayMount, mountMemory } from '../_support/mounts.ts';
import { tempDir } from '../_support/temp.ts';

const sound = JSON.stringify(labConfig(1), null, 2);

/** Starts a daemon that is expected to give up; answers how it ended and what it said. */
const giveUp = async (
  t: ExecutionContext,
  { config = sound, state, listen }: { config?: string; state?: string; listen?: string } = {},
): Promise<{ how: string; said: string }> => {
  const directory = await tempDir(t);
  const file = join(directory, 'siteswap.yaml');
  await writeFile(file, config);
  const args = ['--config', file, '--state', state ?? join(directory, 'state')];
  args.push('--listen', listen ?? `unix:${join(directory, 'd.sock')}`);
  const daemon = new DaemonProcess(findLauncher(), ['daemon', ...args], process.env);
  t.teardown(() => daemon.kill());
  const how = await daemon.ended;
  return { how, said: daemon.log.join('\n') };
};

for (const [what, config, says] of [
  ['a typo', sound.replace('"arrays"', '"arays"'), /yaml:\d+:\d+: .*arays.*arrays/s],
  ['an unknown plugin', sound.replace('"plugin": "lab"', '"plugin": "lob"'), /lob.*lab/s],
  ['an unknown site', sound.replace('"site": "site-a"', '"site": "mars"'), /mars.*site-a/s],
  ['an id twice', sound.replace('"lab-b"', '"lab-a"'), /lab-a/],
  ['no YAML', 'site: [', /yaml:\d+:\d+/],
  ['nothing in it', '', /site.*sites/s],
] as const) {
  test(`configuration with ${what} → exit 78, its line, what was expected, no trace`, async (t) => {
    const { how, said } = await giveUp(t, { config });
    t.is(how, 'it ended with code 78', said);
    t.regex(said, says);
    t.notRegex(said, /\n +at /);
  });
}

test('a typo in the very option that is needed → exit 2, the typo and what was meant', async (t) => {
  for (const program of ['daemon', 'front']) {
    const started = new DaemonProcess(findLauncher(), [program, '--confg', 'x'], process.env);
    t.teardown(() => started.kill());
    t.is(await started.ended, 'it ended with code 2');
    t.regex(started.log.join('\n'), /unknown option '--confg'\n\(Did you mean --config\?\)/);
  }
});

test('a socket in use, and a file in its place → exit 69 by name; both are untouched', async (t) => {
  const directory = await tempDir(t);
  const path = join(directory, 'd.sock');
  const other = createServer().listen(path);
  await once(other, 'listening');
  const taken = await giveUp(t, { listen: `unix:${path}` });
  t.true(other.listening);
  other.close();
  t.is(taken.how, 'it ended with code 69', taken.said);
  t.regex(taken.said, /another process listens at unix:.*d\.sock.*--listen/s);
  await writeFile(join(directory, 'file'), 'mine');
  const file = await giveUp(t, { listen: `unix:${join(directory, 'file')}` });
  t.is(file.how, 'it ended with code 69', file.said);
  t.regex(file.said, /no socket stands there/);
  const port = await giveUp(t, { listen: '0.0.0.0:7460' });
  t.regex(port.said, /--listen: "0\.0\.0\.0" is not a loopback host/);
});

test('a state directory that cannot be written → exit 69 by name', async (t) => {
  const directory = await tempDir(t);
  const file = join(directory, 'file');
  await writeFile(file, '');
  const places = [file, join(file, 'below'), '/proc/siteswap'];
  if (mayMount) {
    const readOnly = join(directory, 'read-only');
    await mountMemory(t, readOnly, 'ro,size=1m');
    places.push(readOnly);
  }
  for (const state of places) {
    const { how, said } = await giveUp(t, { state });
    t.is(how, 'it ended with code 69', said);
    t.true(said.includes(join(state, 'journal.db')), said);
    t.regex(said, /another state directory|writable/);
    t.notRegex(said, /\n +at /);
  }
});

test('a journal that is something else → exit 69, untouched', async (t) => {
  const state = join(await tempDir(t), 'state');
  await mkdir(state);
  await writeFile(join(state, 'journal.db'), 'x'.repeat(5_000));
  const before = await fingerprintOf(state);
  const { how, said } = await giveUp(t, { state });
  t.is(how, 'it ended with code 69', said);
  t.regex(said, /damaged.*left untouched/);
  t.is(await fingerprintOf(state), before);
});

test('a second daemon on the same state → exit 69 by name; the first goes on', async (t) => {
  const first = await startDaemon();
  t.teardown(() => first.stop());
  await first.client.plans.create(labPlan('p', ['cg-0001']));
  const { how, said } = await giveUp(t, { state: first.stateDir });
  t.is(how, 'it ended with code 69', said);
  t.regex(said, /journal\.db is in use by another daemon.*of its own/s);
  const request = { planId: 'p', mode: Mode.PLANNED, requester: 'ann' };
  const { runId } = await first.client.runs.start(request);
  t.is((await first.client.waitForRun(runId)).result, RunResult.SUCCEEDED);
});
