/**
 * The command `npm run models`: the whole lattice of small runs, on every core.
 * `--workgroups N` and `--steps N` make it smaller.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import type { Count } from './check.ts';
import { enumerate, type Finding, type Lattice, type Shard, tell, whole } from './lattice.ts';

interface Part {
  readonly lattice: Lattice;
  readonly shard: Shard;
}

const inThread = (part: Part): Promise<Finding> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: part });
    worker.once('message', resolve);
    worker.once('error', reject);
  });

const add = (one: Count, other: Count): Count => ({
  shapes: one.shapes + other.shapes,
  cases: one.cases + other.cases,
  crashes: one.crashes + other.crashes,
  decisions: one.decisions + other.decisions,
  entries: one.entries + other.entries,
});

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: { workgroups: { type: 'string' }, steps: { type: 'string' } },
  });
  const lattice: Lattice = {
    ...whole,
    workgroupsMax: Number(values.workgroups ?? whole.workgroupsMax),
    stepsMax: Number(values.steps ?? whole.stepsMax),
  };
  const of = availableParallelism();
  const begun = Date.now();
  const findings = await Promise.all(
    Array.from({ length: of }, (_, index) => inThread({ lattice, shard: { index, of } })),
  );
  console.log(tell(findings.map(({ count }) => count).reduce(add)));
  console.log(`${Math.round((Date.now() - begun) / 1_000)} s on ${of} threads`);
  const total = findings.reduce((sum, { breachesTotal }) => sum + breachesTotal, 0);
  console.log(`${total} breaches`);
  for (const { breaches } of findings) for (const breach of breaches) console.log(breach);
  process.exitCode = total === 0 ? 0 : 1;
};

if (isMainThread) await main();
else {
  const { lattice, shard } = workerData as Part;
  parentPort?.postMessage(enumerate(lattice, shard));
}
