/**
 * The command `npm run models`: the whole lattice of small runs, on every core.
 * `--workgroups N` and `--steps N` make it smaller.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import {
  enumerate,
  type Finding,
  joined,
  type Lattice,
  type Shard,
  tell,
  whole,
} from './lattice.ts';

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
  const { count, breaches, breachesTotal } = findings.reduce(joined);
  console.log(tell(count));
  console.log(`${Math.round((Date.now() - begun) / 1_000)} s on ${of} threads`);
  console.log(`${breachesTotal} breaches`);
  for (const breach of breaches) console.log(breach);
  process.exitCode = breachesTotal === 0 ? 0 : 1;
};

if (isMainThread) await main();
else {
  const { lattice, shard } = workerData as Part;
  parentPort?.postMessage(enumerate(lattice, shard));
}
