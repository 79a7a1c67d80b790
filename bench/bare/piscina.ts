/**
 * The limit of rates: a bare Piscina that carries the same workgroups to two threads and brings an
 * answer for each VM back, with no journal, no plugin and no state.
 */
import { Piscina } from 'piscina';
import type { BareJob } from './piscina-thread.ts';

/** VM-steps a second with workgroups of `size`, 64 in flight. */
export const piscinaRate = async (size: number, workMs: number): Promise<number> => {
  const pool = new Piscina<BareJob, string>({
    filename: new URL('./piscina-thread.js', import.meta.url).href,
    name: 'answer',
    minThreads: 2,
    maxThreads: 2,
    concurrentTasksPerWorker: 64,
    atomics: 'disabled',
  });
  const vms = Array.from({ length: size }, (_, at) => ({ id: `vm-${at}`, on: [0] }));
  const job = { items: JSON.stringify(vms) };
  await Promise.all([pool.run(job), pool.run(job)]);
  const begunMs = performance.now();
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - begunMs < workMs) {
      await pool.run(job);
      done += size;
    }
  };
  await Promise.all(Array.from({ length: 64 }, lane));
  const tookMs = performance.now() - begunMs;
  await pool.destroy();
  return (done / tookMs) * 1_000;
};
