/** What any pool tells of injections while jobs are under way, and of those that a thread took. */
import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import type { Injection } from '../../daemon/core/injection.ts';
import { stage, task } from '../_support/pools.ts';

for (const kind of ['inline', 'threads'] as const) {
  for (const [effect, calls] of [
    ['hang', 0],
    ['lost-reply', 1],
  ] as const) {
    test.serial(`${kind} pool: ${effect} → told while it is under way`, async (t) => {
      const { pool, arrived, end } = stage(kind);
      const injections: readonly Injection[] = [{ effect, rule: 'r1' }];
      const result = pool.run(task(['ok-1'], { injections, timeoutMs: 60_000 }));
      while (pool.struck().length === 0) await turn();
      t.deepEqual(pool.struck(), [[injections, ['r1']]]);
      t.is(arrived().filter((line) => line.includes('failover')).length, calls);
      await end();
      if (kind === 'threads') t.like(await result, { kind: 'fault', injected: ['r1'] });
    });
  }

  for (const effect of ['worker-crash', 'worker-out-of-memory'] as const) {
    test.serial(`${kind} pool: ${effect} → named in the answer that the pool gives`, async (t) => {
      const { pool, end } = stage(kind);
      t.like(await pool.run(task(['ok-1'], { injections: [{ effect, rule: 'r1' }] })), {
        fault: { code: 'WORKER_LOST' },
        injected: ['r1'],
      });
      await end();
    });
  }
}

test.serial(
  'threads: a neighbour that goes with the thread → its own crash is not named',
  async (t) => {
    const { pool, arrived, end } = stage('threads');
    const second: readonly Injection[] = [{ effect: 'worker-crash', call: 2, rule: 'never' }];
    const neighbour = pool.run(task(['hang-1'], { injections: second }));
    while (!arrived().some((line) => line.includes('hang-1'))) await turn();
    const crash: readonly Injection[] = [{ effect: 'worker-crash', rule: 'r1' }];
    const struck = await pool.run(task(['ok-1'], { workgroup: 's2', injections: crash }));
    t.like(struck, { fault: { code: 'WORKER_LOST' }, injected: ['r1'] });
    const lost = await neighbour;
    t.like(lost, { fault: { code: 'WORKER_LOST' } });
    t.false('injected' in lost);
    await end();
  },
);
