/**
 * The command `npm run models`: the whole lattice of small runs, shape by shape, on every core.
 * `--workgroups N` and `--steps N` make it smaller, `--shard I/N` takes every Nth shape of it, and
 * `--threads N` leaves cores to others; with `--log FILE` a later call goes on where this ended.
 */
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { enumerate, type Finding, joined, type Lattice, shapesOf, tell, whole } from './lattice.ts';
import { lineOf, shardOf, type Told, toldIn } from './told.ts';

/** Gives each thread one shape after the other; `take` hears what was found in it. */
const inThreads = async (
  lattice: Lattice,
  { at, threads }: { readonly at: readonly number[]; readonly threads: number },
  take: (at: number, finding: Finding) => void,
): Promise<void> => {
  const rest = at.values();
  const each = async (): Promise<void> => {
    const worker = new Worker(new URL(import.meta.url), { workerData: lattice });
    for (const next of rest) {
      worker.postMessage(next);
      const [finding] = (await once(worker, 'message')) as [Finding];
      take(next, finding);
    }
    await worker.terminate();
  };
  await Promise.all(Array.from({ length: threads }, each));
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      workgroups: { type: 'string' },
      steps: { type: 'string' },
      shard: { type: 'string', default: '1/1' },
      threads: { type: 'string', default: `${availableParallelism()}` },
      log: { type: 'string' },
    },
  });
  const lattice: Lattice = {
    ...whole,
    workgroupsMax: Number(values.workgroups ?? whole.workgroupsMax),
    stepsMax: Number(values.steps ?? whole.stepsMax),
  };
  const { log } = values;
  const { index, of } = shardOf(values.shard);
  const told = new Map(
    log === undefined || !existsSync(log) ? [] : toldIn(readFileSync(log, 'utf8')),
  );
  const titles = shapesOf(lattice).map(({ title }) => title);
  const ours = [...titles.keys()].filter((at) => at % of === index);
  const at = ours.filter((each) => told.get(titles[each] as string)?.finding.breachesTotal !== 0);
  let cpu = process.cpuUsage();
  await inThreads(lattice, { at, threads: Number(values.threads) }, (each, finding) => {
    const { user, system } = process.cpuUsage(cpu);
    cpu = process.cpuUsage();
    const shape = titles[each] as string;
    const found: Told = { shape, cpuMs: Math.round((user + system) / 1_000), finding };
    told.set(shape, found);
    if (log !== undefined) appendFileSync(log, lineOf(found));
    console.log(`${shape}: ${tell(finding.count)}; ${finding.breachesTotal} breaches`);
  });
  const all = ours.map((each) => told.get(titles[each] as string) as Told);
  const { count, breaches, breachesTotal } = all.map(({ finding }) => finding).reduce(joined);
  const minutes = all.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 60_000;
  console.log(tell(count));
  console.log(`${minutes.toFixed(1)} minutes of processor time`);
  console.log(`${breachesTotal} breaches`);
  for (const breach of breaches) console.log(breach);
  process.exitCode = breachesTotal === 0 ? 0 : 1;
};

if (isMainThread) await main();
else {
  const lattice = workerData as Lattice;
  const of = shapesOf(lattice).length;
  parentPort?.on('message', (index: number) => {
    parentPort?.postMessage(enumerate(lattice, { index, of }));
  });
}
