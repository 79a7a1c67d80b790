/** What only real threads show: a plugin that ends or holds its thread costs its own calls only. */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Job, Pool } from '../../daemon/workers/pool.ts';
import { canary, type Stage, type StageOptions, stage, task } from '../_support/pools.ts';

const on = (
  claim: string,
  body: (t: ExecutionContext, stage: Stage) => Promise<void>,
  options?: StageOptions,
): void => {
  test.serial(claim, async (t) => {
    const it = stage('threads', options);
    try {
      await body(t, it);
    } finally {
      await it.end();
    }
  });
};

const faultOf = async (pool: Pool, job: Job) => {
  const result = await pool.run(job);
  if (result.kind !== 'fault') throw new Error(`no fault: ${JSON.stringify(result)}`);
  return result.fault;
};

/** A task of another plugin, at another array. */
const neighbour = (id: string) => task([id], { remoteId: 'b1' });

/** Its sessions are open, so that what follows is about the verb alone. */
const warm = ({ pool }: Stage) =>
  Promise.all([pool.run(task(['ok-0'])), pool.run(neighbour('ok-0'))]);

const doneOf = (result: object): unknown => (result as { done?: string }).done;

for (const id of ['loop-1', 'lateloop-1', 'exit-1', 'lateexit-1', 'reject-1']) {
  on(
    `a verb that ends or holds its thread (${id}) → in doubt, named, then not called`,
    async (t, it) => {
      await warm(it);
      const fault = await faultOf(it.pool, task([id]));
      t.like(fault, { kind: 'unknown', owner: 'plugin', code: 'PLUGIN_CRASHED' });
      t.regex(fault.message, /^plugin puppet (held|ended) its thread/);
      t.false(JSON.stringify(fault).includes(canary));
      const lines = it.arrived().length;
      t.like(await faultOf(it.pool, task(['ok-1'])), {
        kind: 'unreachable',
        owner: 'plugin',
        code: 'PLUGIN_BLOCKED',
      });
      t.deepEqual(Object.keys(it.pool.health().blocked), ['puppet']);
      t.is(it.arrived().length, lines);
      t.is(doneOf(await it.pool.run(neighbour('ok-1'))), '0');
    },
  );
}

for (const id of ['exit-1', 'lateexit-1', 'lateloop-1']) {
  on(
    `a neighbour in flight while a plugin ends its thread (${id}) → goes on, unharmed`,
    async (t, it) => {
      await warm(it);
      const slow = it.pool.run(neighbour('slow-1'));
      t.like(await faultOf(it.pool, task([id])), { code: 'PLUGIN_CRASHED' });
      t.is(doneOf(await slow), '0');
    },
  );
}

on(
  'a second time → blocked for longer, and it says how often',
  async (t, it) => {
    await warm(it);
    await faultOf(it.pool, task(['exit-1']));
    await sleep(200);
    t.like(await faultOf(it.pool, task(['exit-2'])), { code: 'PLUGIN_CRASHED' });
    t.regex(it.pool.health().blocked.puppet ?? '', /2 times/);
  },
  { coolDownMs: 100 },
);

on(
  'out of memory in a verb → in doubt, the daemon and the others go on',
  async (t, it) => {
    await warm(it);
    const fault = await faultOf(it.pool, task(['memory-1']));
    t.like(fault, { kind: 'unknown', code: 'PLUGIN_CRASHED' });
    t.is(doneOf(await it.pool.run(neighbour('ok-1'))), '0');
  },
  { heapMbMax: 64 },
);

on(
  'an endless loop at import → only its own calls; others go on meanwhile',
  async (t, it) => {
    await warm(it);
    const looping = it.pool.run(task(['ok-1'], { remoteId: 'loops-at-import' }));
    t.is(doneOf(await it.pool.run(task(['slow-1']))), '0');
    t.is(doneOf(await it.pool.run(neighbour('slow-1'))), '0');
    const result = await looping;
    t.like(result, { kind: 'fault', fault: { owner: 'plugin', code: 'PLUGIN_CRASHED' } });
    if (result.kind === 'fault') t.regex(result.fault.hint ?? '', /plugins\[0\], s\.yaml:7:5\.$/);
    t.deepEqual(Object.keys(it.pool.health().blocked), ['loops-at-import']);
  },
  { others: ['loops-at-import'] },
);

on(
  'a module that waits at import → what to do next, and the line of its entry',
  async (t, it) => {
    const module = new URL('../_support/plugins/waits-at-import.js', import.meta.url).href;
    const pluginId = 'waits-at-import';
    const said = await it.pool.run({ kind: 'describe', pluginId, module, timeoutMs: 100 });
    if (said.kind !== 'fault') return t.fail('it was described');
    t.regex(said.fault.message, /^plugin waits-at-import did not load within 100 ms$/);
    t.regex(said.fault.hint ?? '', /waits.*while it is imported.*plugins\[0\], s\.yaml:7:5\.$/);
  },
  { others: ['waits-at-import'] },
);

on(
  'an endless loop in open → only its own calls',
  async (t, it) => {
    t.is(doneOf(await it.pool.run(neighbour('ok-0'))), '0');
    t.like(await faultOf(it.pool, task(['ok-1'])), { code: 'PLUGIN_CRASHED' });
    t.is(doneOf(await it.pool.run(neighbour('ok-1'))), '0');
  },
  { a1: { open: 'loop' } },
);

on(
  'modules that throw, or are made for another contract → refused in words',
  async (t, it) => {
    const broken = await faultOf(it.pool, task(['ok-1'], { remoteId: 'throws-at-import' }));
    t.like(broken, { kind: 'unsupported', owner: 'plugin', code: 'PLUGIN_LOAD_FAILED' });
    t.regex(broken.message, /the vendor library is missing/);
    const { hint = '' } = broken;
    t.regex(hint, /Check the module.* It is configured as plugins\[0\], s\.yaml:7:5\.$/);
    const future = await faultOf(it.pool, task(['ok-1'], { remoteId: 'other-contract' }));
    t.regex(future.message, /made for contract 2, this daemon speaks 1/);
    t.regex(future.message, /verbs\.teleport: no such verb/);
    t.deepEqual(it.pool.health().blocked, {});
  },
  { others: ['throws-at-import', 'other-contract'] },
);

on(
  'instance: single → one session in the daemon, whatever the threads',
  async (t, it) => {
    const ids = [...Array(40).keys()].map((n) => `slow-${n}`);
    await Promise.all(ids.map((id) => it.pool.run(task([id]))));
    t.is(it.arrived().filter((line) => line === 'a1 open').length, 1);
  },
  { a1: { instance: 'single' }, threads: 2 },
);

on(
  'per thread → one session in each thread',
  async (t, it) => {
    const ids = [...Array(40).keys()].map((n) => `slow-${n}`);
    await Promise.all(ids.map((id) => it.pool.run(task([id]))));
    t.is(it.arrived().filter((line) => line === 'a1 open').length, 2);
  },
  { threads: 2 },
);

on('a queue that is full → busy, owned by the queue', async (t, it) => {
  await warm(it);
  const jobs = [...Array(20_000).keys()].map(() => it.pool.run(task(['slow-1'])));
  const faults = (await Promise.all(jobs)).filter((result) => result.kind === 'fault');
  t.true(faults.length > 0 && faults.length < jobs.length);
  t.true(faults.every(({ fault }) => fault.kind === 'busy' && fault.owner === 'queue'));
});
