/** Journals of every release: today's daemon tells the same of them, and ends the open runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openSqliteJournal } from '../../daemon/journal/sqlite.ts';
import { type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';
import { repoRoot } from '../_support/root.ts';
import { tempDir } from '../_support/temp.ts';
import { restore } from './_dump.ts';
import { groups, type Scene, toldOf, vms } from './_scenes.ts';

const folder = join(repoRoot, 'test/golden');
const releases = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

type Told = Awaited<ReturnType<typeof toldOf>>;

/** A new world, and an engine on a journal that an old release has left behind. */
const reopen = async (t: ExecutionContext, release: string, name: string) => {
  const read = (kind: string) => readFileSync(join(folder, release, `${name}.${kind}`), 'utf8');
  const path = join(await tempDir(t), 'journal.db');
  restore(path, read('sql'));
  const journal = await openSqliteJournal({ path });
  const made = await rig({ groups, vms, journal });
  t.teardown(async () => {
    made.engine.close();
    await journal.close();
  });
  return { made, told: JSON.parse(read('json')) as Told };
};

/** As JSON has it: fields that are undefined are not there. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const runOf = ({ runs }: Told, scene: Scene | 'disaster') =>
  runs.find(({ view }) => view.planId === scene) as Told['runs'][number];

const resultOf = async ({ engine }: Rig, runId: string) =>
  (await engine.getRun(runId, 'full')).result;

test('golden: there is a release to keep faith with', (t) => {
  t.true(releases.includes('0.1.0'));
});

for (const release of releases) {
  test(`golden: ${release}, runs that have ended, and one that is parked → as told then`, async (t) => {
    for (const name of ['runs', 'disaster']) {
      const { made, told } = await reopen(t, release, name);
      const now = plain(await toldOf(made));
      t.deepEqual(now.plans, told.plans);
      t.deepEqual(now.sites, told.sites);
      const still = ({ view }: Told['runs'][number]) => view.planId !== 'unfinished';
      // More may be told than then, never less and nothing else.
      t.like(now.runs.filter(still), told.runs.filter(still));
      t.true(told.runs.filter(still).length > 0);
    }
  });

  test(`golden: ${release}, each way to end is among them`, async (t) => {
    const { told } = await reopen(t, release, 'runs');
    t.is(runOf(told, 'finished').view.result, 'succeeded');
    t.is(runOf(told, 'rolled-back').view.result, 'rolled-back');
    t.is(runOf(told, 'parked').view.status, 'parked');
    t.is(runOf(told, 'unfinished').view.status, 'running');
    const disaster = await reopen(t, release, 'disaster');
    t.is(runOf(disaster.told, 'disaster').view.result, 'succeeded');
  });

  test(`golden: ${release}, an unfinished run goes on to its end by itself`, async (t) => {
    const { made, told } = await reopen(t, release, 'runs');
    const { runId } = runOf(told, 'unfinished').view;
    await untilRest(made.engine, runId);
    t.is(await resultOf(made, runId), 'succeeded');
  });

  test(`golden: ${release}, a parked run goes on when a person says so`, async (t) => {
    const { made, told } = await reopen(t, release, 'runs');
    const { runId } = runOf(told, 'parked').view;
    await made.engine.resumeRun(runId, { requester: 'ann', decision: 'retry', policies: {} });
    for await (const _ of made.engine.watchRun(runId, 0, new AbortController().signal));
    t.is(await resultOf(made, runId), 'succeeded');
  });
}
