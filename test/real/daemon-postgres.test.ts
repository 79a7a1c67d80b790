/** A daemon whose journal is in a real PostgreSQL, over real bytes and real VMs. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { Mode, type RunEvent, RunResult } from '../../sdk/client/index.ts';
import { crashAfter } from '../_support/crash.ts';
import { repeatedTasks, startOnFiles } from '../_support/daemon.ts';
import { type PostgresServer, startPostgres } from '../_support/postgres.ts';

let server: PostgresServer;

test.before(async () => {
  server = await startPostgres();
});
test.after.always(() => server?.stop());

const seqsOf = (events: readonly RunEvent[]): number[] => events.map(({ cursor }) => cursor);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

for (const entries of [1, 4, 9]) {
  test(`daemon postgres: SIGKILL after entry ${entries} → the run ends as without`, async (t) => {
    const postgres = await server.database();
    const { daemon } = await startOnFiles(t, { journal: { postgres } });
    const order = { planId: 'move', mode: Mode.PLANNED, requestKey: 'once' };
    const { run, events } = await crashAfter(daemon, entries, order);
    t.is(run.result, RunResult.SUCCEEDED);
    t.deepEqual(seqsOf(events), upTo(events.length));
    t.deepEqual(repeatedTasks(events), []);
  });
}

const copied = promisify(execFile);

test('daemon postgres: a file’s journal copied there and back → plan and run are known', async (t) => {
  const { daemon } = await startOnFiles(t);
  const { client, stateDir } = daemon;
  const order = { planId: 'move', mode: Mode.TEST, requester: 'ann', requestKey: 'once' };
  const { runId } = await client.runs.start(order);
  const before = (await client.waitForRun(runId)).cursor;
  await daemon.kill();
  const journal = { postgres: await server.database() };
  const config = join(stateDir, '..', 'both.yaml');
  const own = await readFile(join(stateDir, '..', 'config.yaml'), 'utf8');
  await writeFile(config, JSON.stringify({ ...JSON.parse(own), journal }));
  const copy = (to: string, state = stateDir) =>
    copied('bin/siteswap', ['journal', 'copy', '--config', config, '--state', state, '--to', to]);
  await t.throwsAsync(copy('file'), { message: /must be empty/ });
  t.regex((await copy('postgres')).stdout, /equal/);
  await daemon.restart({ journal });
  t.is((await client.runs.start(order)).runId, runId);
  t.is((await client.runs.get(runId)).cursor, before);
  await t.throwsAsync(copy('postgres'), { message: /in use/ });
  await daemon.kill();
  // It was killed: its lease ends by itself.
  const back = () => copy('file', join(stateDir, 'back')).catch((error: Error) => error.message);
  let said = await back();
  while (typeof said === 'string' && /until its lease is over/.test(said)) {
    await delay(100);
    said = await back();
  }
  t.regex(typeof said === 'string' ? said : said.stdout, /equal/);
});

test.serial('daemon postgres: the database dies in a run → held, goes on by itself', async (t) => {
  const own = await startPostgres();
  t.teardown(() => own.stop());
  const journal = { postgres: await own.database() };
  const { daemon } = await startOnFiles(t, { journal });
  const { runId } = await daemon.client.runs.start({
    planId: 'move',
    mode: Mode.PLANNED,
    requester: 'ann',
  });
  const events: RunEvent[] = [];
  for await (const event of daemon.client.runs.watch(runId)) {
    events.push(event);
    if (events.length !== 4) continue;
    await own.kill();
    while ((await daemon.client.health()) === 'SERVING') await delay(10);
    await own.start();
  }
  t.deepEqual(seqsOf(events), upTo(events.length));
  t.deepEqual(repeatedTasks(events), []);
  t.is((await daemon.client.runs.get(runId)).result, RunResult.SUCCEEDED);
});
