/**
 * The journal of a real daemon that was killed, damaged in any way: it is refused as damaged with
 * every file left as it was, or everything that was acknowledged is there. The seed is told;
 * `SEED=n` does the same damage again, `DAMAGES=n` does more of it.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { JournalError } from '../../daemon/journal/journal.ts';
import { SqliteStore } from '../../daemon/journal/store.ts';
import { Mode, RunEventType, RunResult } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import { findLauncher } from '../../sdk/testing/launcher.ts';
import { labPlan, startOnLab } from '../_support/daemon-on-lab.ts';
import { damagesOf, type Files, filesIn, putFiles, sumsOf } from '../_support/damage.ts';
import { tempDir } from '../_support/temp.ts';
import { Chance } from '../sim/chance.ts';

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const damages = Number(process.env.DAMAGES ?? 60);

interface Killed {
  readonly daemon: TestDaemon;
  readonly files: Files;
  /** A run that was under way. */
  readonly runId: string;
}

/** A journal with ended runs in its file, and others, one of them open, in its log. */
const killedDaemon = async (t: ExecutionContext): Promise<Killed> => {
  const { daemon, lab, close } = await startOnLab({ world: { groups: 6, vmsPerGroup: 4 } });
  t.teardown(close);
  const { client } = daemon;
  const start = async (n: number, mode: Mode) => {
    const request = { planId: `p${n}`, mode, requester: 'ann', requestKey: `${n} ${mode}` };
    return (await client.runs.start(request)).runId;
  };
  for (const n of [1, 2, 3, 4]) await client.plans.create(labPlan(`p${n}`, [`cg-000${n}`]));
  await client.waitForRun(await start(1, Mode.PLANNED));
  await client.waitForRun(await start(2, Mode.TEST));
  await daemon.restart();
  await client.waitForRun(await start(3, Mode.PLANNED));
  await lab.hangNext({ verb: 'sync', targetIds: ['cg-0004'] });
  const runId = await start(4, Mode.PLANNED);
  for await (const { type } of client.runs.watch(runId))
    if (type === RunEventType.TASK_STARTED) break;
  await daemon.kill();
  return { daemon, files: filesIn(daemon.stateDir), runId };
};

type Content = Readonly<Record<string, readonly string[]>>;

const contentOf = (path: string, wholeBytesMax: number): Content => {
  const store = new SqliteStore(path, { wholeBytesMax });
  try {
    store.check();
    const streams = store.streams().map(([stream]) => {
      const asked = { stream, fromSeq: 1, limit: 1_000_000 };
      return [stream, store.read(asked).bodies] as const;
    });
    return Object.fromEntries(streams);
  } finally {
    store.close();
  }
};

const openedOr = (path: string, wholeBytesMax: number): Content | Error => {
  try {
    return contentOf(path, wholeBytesMax);
  } catch (error) {
    return error as Error;
  }
};

test.serial(
  'damage: flips, cuts, removals → JOURNAL_DAMAGED and untouched, or whole',
  async (t) => {
    t.log(`seed ${seed}`);
    const { files } = await killedDaemon(t);
    const dir = await tempDir(t);
    const path = join(dir, 'journal.db');
    // Read whole at the start, and as if it were too large for that.
    for (const wholeBytesMax of [2 ** 30, 0]) {
      putFiles(dir, files);
      const whole = contentOf(path, wholeBytesMax);
      t.true(Object.keys(whole).length >= 5);
      const told = { refused: 0, whole: 0 };
      for (const { what, files: damaged } of damagesOf(files, new Chance(`${seed}`), damages)) {
        putFiles(dir, damaged);
        const found = openedOr(path, wholeBytesMax);
        if (!(found instanceof Error)) {
          t.deepEqual(found, whole, what);
          told.whole++;
          continue;
        }
        t.is(found instanceof JournalError && found.refusal, 'damaged', `${what}: ${found.stack}`);
        t.deepEqual(sumsOf(filesIn(dir)), sumsOf(damaged), what);
        told.refused++;
      }
      t.log(JSON.stringify(told));
      t.true(told.refused > 0 && told.whole > 0);
    }
  },
);

test.serial(
  'damage: a daemon without its log, or a part of it → JOURNAL_DAMAGED; with it → on',
  async (t) => {
    const { daemon, files, runId } = await killedDaemon(t);
    const { stateDir } = daemon;
    const log = files['journal.db-wal'] as Buffer;
    const { 'journal.db-wal': _, ...without } = files;
    const flipped = Buffer.from(log);
    flipped[log.length - 2_000] = (flipped[log.length - 2_000] as number) ^ 0xff;
    for (const damaged of [
      without,
      { ...files, 'journal.db-wal': log.subarray(0, log.length - 4_120) },
      { ...files, 'journal.db-wal': flipped },
    ]) {
      putFiles(stateDir, damaged);
      const refused = await t.throwsAsync(daemon.restart());
      t.regex(refused?.message ?? '', /code 69[\s\S]*JOURNAL_DAMAGED.*journal accept/);
      t.deepEqual(sumsOf(filesIn(stateDir)), sumsOf(damaged));
    }
    putFiles(stateDir, files);
    await daemon.restart();
    t.is((await daemon.client.waitForRun(runId)).result, RunResult.SUCCEEDED);
  },
);

test.serial(
  'damage: a log that is lost for good → a person accepts, and the daemon starts',
  async (t) => {
    const { daemon, files } = await killedDaemon(t);
    const { 'journal.db-wal': _, ...without } = files;
    putFiles(daemon.stateDir, without);
    const config = join(daemon.stateDir, '..', 'config.yaml');
    await t.throwsAsync(daemon.restart());
    const args = ['journal', 'accept', '--config', config, '--state', daemon.stateDir];
    const { stdout } = await promisify(execFile)(findLauncher(), args);
    t.regex(stdout, /streams, \d+ commits \(its mark knew of \d+\): accepted/);
    await daemon.restart();
    const runs = [];
    for await (const run of daemon.client.runs.list()) runs.push(run);
    t.is(runs.length, 2);
  },
);
