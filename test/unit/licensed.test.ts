/** Dispatch under a licence: what waits goes when it may, and what was taken away never does. */
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { type Licensing, licensedPool } from '../../daemon/runner/licensed.ts';
import type { Job, Pool, TaskJob } from '../../daemon/workers/pool.ts';

const setUp = () => {
  const ran: Job[] = [];
  const inner = {
    run: async (job: Job) => {
      ran.push(job);
      return { kind: 'task', done: '', faults: [] };
    },
  } as unknown as Pool;
  const wake: (() => void)[] = [];
  const lease: { -readonly [K in keyof Licensing]: Licensing[K] } = {
    licensed: false,
    left: false,
    granted: () => new Promise<void>((resolve) => wake.push(resolve)),
  };
  const ring = async () => {
    for (const one of wake.splice(0)) one();
    await turn();
  };
  const epochs = new Map([['r', 2]]);
  const pool = licensedPool(inner, lease, (runId) => epochs.get(runId));
  return { ran, lease, ring, epochs, pool };
};

const job = (epoch: number): TaskJob => ({ kind: 'task', runId: 'r', epoch }) as TaskJob;

test('licensed: no lease → the call waits, and goes when there is one', async (t) => {
  const { ran, lease, ring, pool } = setUp();
  void pool.run(job(2));
  await ring();
  t.deepEqual(ran, []);
  lease.licensed = true;
  await ring();
  t.is(ran.length, 1);
});

test('licensed: taken over while it waited → never called', async (t) => {
  const { ran, lease, ring, epochs, pool } = setUp();
  void pool.run(job(2));
  epochs.set('r', 3);
  lease.licensed = true;
  await ring();
  t.deepEqual(ran, []);
  void pool.run(job(2));
  await ring();
  t.deepEqual(ran, []);
});

test('licensed: the member leaves while calls wait → none is called', async (t) => {
  const { ran, lease, ring, pool } = setUp();
  void pool.run(job(2));
  lease.left = true;
  await ring();
  t.deepEqual(ran, []);
  lease.licensed = true;
  await ring();
  t.deepEqual(ran, []);
});

test('licensed: looks outside runs need no lease, and nothing is staged', async (t) => {
  const { ran, pool } = setUp();
  await pool.run({ kind: 'listing' } as Job);
  t.is(ran.length, 1);
  t.is(pool.stage(job(2), job(2)), undefined);
});
