/** What any pool promises: one suite for the inline pool and for the threads. */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { encodeOperation } from '../../daemon/steps/operations.ts';
import type { DescribeJob, JobFault, TaskJob, TaskResult } from '../../daemon/workers/pool.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import {
  canary,
  type PoolKind,
  type Stage,
  type StageOptions,
  stage,
  task,
} from '../_support/pools.ts';

const kinds: readonly PoolKind[] = ['inline', 'threads'];

const on = (
  kind: PoolKind,
  claim: string,
  body: (t: ExecutionContext, stage: Stage) => Promise<void>,
  options?: StageOptions,
): void => {
  // One after the other: threads that starve one another would prove nothing.
  test.serial(`${kind} pool: ${claim}`, async (t) => {
    const { end, ...rest } = stage(kind, options);
    try {
      await body(t, { ...rest, end });
    } finally {
      await end();
    }
  });
};

const runTask = async ({ pool }: Stage, job: TaskJob): Promise<TaskResult> => {
  const result = await pool.run(job);
  if (result.kind === 'fault') throw new Error(`job fault: ${JSON.stringify(result.fault)}`);
  return result;
};

const runFault = async ({ pool }: Stage, job: TaskJob): Promise<JobFault> => {
  const result = await pool.run(job);
  if (result.kind !== 'fault') throw new Error(`no fault: ${JSON.stringify(result)}`);
  return result;
};

/** The fault of the only record, with the items it is for. */
const onlyFault = (t: ExecutionContext, result: TaskResult): Fault => {
  t.is(result.faults.length, 1, JSON.stringify(result.faults));
  return (result.faults[0] as { fault: Fault }).fault;
};

/** A first call pays for loading the plugin; deadlines as short as this are for those after it. */
const short = { timeoutMs: 500 };
const warm = (it: Stage) => runTask(it, task(['ok-0']));

const whatIsPuppet: DescribeJob = {
  kind: 'describe',
  pluginId: 'puppet',
  module: new URL('../_support/plugins/puppet.js', import.meta.url).href,
  timeoutMs: 9_000,
};

const calls = (arrived: readonly string[]): readonly string[] =>
  arrived.filter((line) => line.startsWith('a1 failover'));

for (const kind of kinds) {
  on(kind, 'every target succeeds → all positions done, in one compact set', async (t, it) => {
    const result = await runTask(it, task(['ok-1', 'ok-2', 'ok-3']));
    t.deepEqual(result, { kind: 'task', done: '0-2', faults: [] });
    t.deepEqual(it.arrived(), [
      'a1 open',
      'a1 failover ok-1,ok-2,ok-3 i1/promote-target/run/1/failover',
    ]);
  });

  on(kind, 'only some positions asked → only these are called and named', async (t, it) => {
    const result = await runTask(it, task(['ok-1', 'loop-1', 'ok-2'], { only: '0,2' }));
    t.is(result.done, '0,2');
    const none = await runTask(it, task(['loop-1'], { only: '' }));
    t.deepEqual(none, { kind: 'task', done: '', faults: [] });
  });

  on(
    kind,
    'some targets fail → neighbours keep theirs, equal faults are one record',
    async (t, it) => {
      const ids = ['ok-1', 'refuse-1', 'evidence-1', 'refuse-2', 'busy-1', 'accept-1'];
      const result = await runTask(it, task(ids));
      t.is(result.done, '0,2');
      t.deepEqual(Object.keys(result.evidence ?? {}), ['2']);
      t.deepEqual(
        result.faults.map(({ items, fault }) => [items, fault.kind, fault.code]),
        [
          ['1,3', 'refused', 'E42'],
          ['4', 'busy', undefined],
        ],
      );
      t.deepEqual(
        result.accepted?.map(({ item }) => item),
        [5],
      );
    },
  );

  for (const id of ['silent-1', 'malformed-1', 'stranger-1', 'function-1']) {
    on(
      kind,
      `nonsense for one target (${id}) → in doubt, BAD_ANSWER, its own only`,
      async (t, it) => {
        const result = await runTask(it, task(['ok-1', id]));
        t.is(result.done, '0');
        const fault = onlyFault(t, result);
        t.like(fault, { kind: 'unknown', owner: 'plugin', code: 'BAD_ANSWER' });
        t.regex(fault.message, new RegExp(`failover of ${id}`));
      },
    );
  }

  on(kind, 'nonsense instead of a list → every target in doubt', async (t, it) => {
    const result = await runTask(it, task(['list-1', 'ok-1']));
    t.is(result.done, '');
    t.true(result.faults.every(({ fault }) => fault.code === 'BAD_ANSWER'));
  });

  on(kind, 'plugin throws → its FaultError, then faultOf, else unknown', async (t, it) => {
    const thrown = async (id: string) => onlyFault(t, await runTask(it, task([id])));
    t.like(await thrown('throwfault-1'), { kind: 'conflict', owner: 'array' });
    t.like(await thrown('vendor-1'), { kind: 'busy', code: '17' });
    t.like(await thrown('throw-1'), { kind: 'unknown', owner: 'plugin' });
  });

  on(kind, 'a secret of the configuration appears in no result', async (t, it) => {
    const job = task(['evidence-1', 'secret-1']);
    const results = [
      await it.pool.run(job),
      await it.pool.run(task(['throw-1'])),
      await it.pool.run(task(['throwfault-1'])),
      await it.pool.run(task(['x-unknowable'], { phase: 'settle' })),
      await it.pool.run(task(['x-failed'], poll('x-failed'))),
    ];
    const text = JSON.stringify(results);
    for (const form of [canary, encodeURIComponent(canary), JSON.stringify(canary).slice(1, -1)]) {
      t.false(text.includes(form));
    }
    t.regex(text, /bad \[secret\]/);
    t.regex(text, /the request with \[secret\] failed/);
  });

  on(kind, 'plugin never answers → time-out in doubt at the deadline', async (t, it) => {
    await warm(it);
    const fault = onlyFault(t, await runTask(it, task(['hang-1'], short)));
    t.like(fault, { kind: 'timeout', code: 'DEADLINE' });
  });

  on(kind, 'answer after the deadline → ignored, and the signal was aborted', async (t, it) => {
    await warm(it);
    const result = await runTask(it, task(['late-1'], short));
    t.is(result.done, '');
    t.is(onlyFault(t, result).kind, 'timeout');
  });

  on(kind, 'site declared lost → from then on nothing arrives there', async (t, it) => {
    t.is((await runTask(it, task(['ok-1']))).done, '0');
    const before = it.arrived().length;
    it.pool.setSiteLost('west', true);
    const jobs = ['run', 'settle', 'undo', 'before', 'run'].map((phase) =>
      it.pool.run(task(['ok-1'], { phase: phase as TaskJob['phase'], before: '{"0":{}}' })),
    );
    const results = await Promise.all(jobs);
    t.is(it.arrived().length, before);
    t.true(results.every(({ refused }) => refused !== undefined && refused.length === 1));
    const fault = onlyFault(t, results[0] as TaskResult);
    t.like(fault, { kind: 'unreachable', owner: 'engine', code: 'SITE_LOST' });
    t.is((await runTask(it, task(['ok-1'], { remoteId: 'a2' }))).done, '0');
    it.pool.setSiteLost('west', false);
    t.is((await runTask(it, task(['ok-2']))).done, '0');
  });

  on(kind, 'site declared lost with a call under way → cut off at once', async (t, it) => {
    const under = runTask(it, task(['hang-1']));
    while (calls(it.arrived()).length === 0) await sleep(10);
    it.pool.setSiteLost('west', true);
    const result = await under;
    t.like(onlyFault(t, result), { kind: 'unreachable', code: 'SITE_LOST_IN_CALL' });
    t.false(it.arrived().includes('a1 close'));
  });

  on(kind, 'injected error → only its targets, and they are not called', async (t, it) => {
    const fault: Fault = { kind: 'busy', owner: 'array', message: 'injected' };
    const injections = [{ effect: 'error', fault, targets: ['ok-2'], rule: 'r1' }] as const;
    const result = await runTask(it, task(['ok-1', 'ok-2'], { injections }));
    const faults = [{ items: '1', fault }];
    t.deepEqual(result, { kind: 'task', done: '0', faults, injected: ['r1'] });
    t.deepEqual(calls(it.arrived()), ['a1 failover ok-1 i1/promote-target/run/1/failover']);
  });

  on(kind, 'injected out-of-memory → in doubt, the plugin is not blamed', async (t, it) => {
    const injections = [{ effect: 'worker-out-of-memory', rule: 'r1' }] as const;
    const { fault } = await runFault(it, task(['ok-1'], { injections }));
    t.like(fault, { kind: 'unknown', owner: 'engine', code: 'WORKER_LOST' });
    t.deepEqual(it.pool.health().blocked, {});
    t.is((await runTask(it, task(['ok-1']))).done, '0');
  });

  on(kind, 'injected delay → the call arrives and succeeds', async (t, it) => {
    const injections = [{ effect: 'delay', delayMs: 50, verb: 'failover', rule: 'r1' }] as const;
    t.is((await runTask(it, task(['ok-1'], { injections }))).done, '0');
    const late = task(['ok-2'], {
      injections: [{ effect: 'delay', delayMs: 60_000, rule: 'r1' }],
      ...short,
    });
    t.is(onlyFault(t, await runTask(it, late)).kind, 'timeout');
    t.is(calls(it.arrived()).length, 1);
  });

  on(kind, 'injected hang → never called; lost reply → called; both time out', async (t, it) => {
    await warm(it);
    for (const effect of ['hang', 'lost-reply'] as const) {
      const injections = [{ effect, rule: 'r1' }];
      const result = await runTask(it, task(['ok-1'], { injections, ...short }));
      t.is(onlyFault(t, result).kind, 'timeout');
      t.is(calls(it.arrived()).length, effect === 'hang' ? 1 : 2);
    }
  });

  on(
    kind,
    'injected worker crash → in doubt, the plugin is not blamed, the pool goes on',
    async (t, it) => {
      for (const after of [false, true]) {
        const injections = [{ effect: 'worker-crash', after, rule: 'r1' }] as const;
        const { fault } = await runFault(it, task(['ok-1'], { injections }));
        t.like(fault, { kind: 'unknown', owner: 'engine', code: 'WORKER_LOST' });
        t.is(calls(it.arrived()).length, after ? 1 : 0);
        t.deepEqual(it.pool.health().blocked, {});
      }
      t.is((await runTask(it, task(['ok-2']))).done, '0');
    },
  );

  on(kind, 'accepted operation → polled: running, done, failed', async (t, it) => {
    const ids = ['accept-run', 'accept-done', 'accept-failed'];
    const result = await runTask(it, task(ids));
    t.is(result.accepted?.length, 3);
    const operations = [...(result.accepted ?? [])].reverse();
    const polled = await runTask(it, task(ids, { phase: 'poll', operations }));
    t.deepEqual(polled.running, [{ item: 0, progress: 0.5 }]);
    t.is(polled.done, '1');
    t.deepEqual(polled.evidence, { 1: { by: 'polling' } });
    t.deepEqual(
      polled.faults.map(({ items, fault }) => [items, fault.kind]),
      [['2', 'corrupt']],
    );
  });

  on(kind, 'settle → the plugin is asked, each verdict in its place', async (t, it) => {
    const ids = ['x-done', 'x-absent', 'x-running', 'x-other'];
    const result = await runTask(it, task(ids, { phase: 'settle' }));
    t.like(result, { done: '0', absent: '1', running: [{ item: 2 }] });
    t.deepEqual(result.unknowable, [{ items: '3', why: 'cannot say for [secret]' }]);
    t.is(calls(it.arrived()).length, 0);
  });

  on(kind, 'settle of a repeatable verb → repeated under the same key', async (t, it) => {
    const step = { step: 'demote-source', side: 'protected', phase: 'settle' } as const;
    const result = await runTask(it, task(['ok-1', 'refuse-1', 'busy-1'], step));
    t.like(result, { done: '0', absent: '1', running: [{ item: 2 }] });
    t.regex(it.arrived().join(), /a1 prepareFailover .*\/prepareFailover$/);
  });

  on(kind, 'settle of a verb with neither → unknowable, not called', async (t, it) => {
    const step = { step: 'device-reverse', side: 'protected', phase: 'settle' } as const;
    const result = await runTask(it, task(['ok-1'], step));
    t.is(result.unknowable?.[0]?.items, '0');
    t.deepEqual(it.arrived(), []);
  });

  on(kind, 'before → what was found, by position', async (t, it) => {
    const result = await runTask(it, task(['ok-1', 'ok-2'], { phase: 'before' }));
    t.is(result.done, '0-1');
    t.deepEqual(result.before, { 0: { 'ok-1-r': 'incoming' }, 1: { 'ok-2-r': 'incoming' } });
  });

  on(kind, 'undo → with what was found', async (t, it) => {
    const before = JSON.stringify({ 1: { 'ok-2-r': 'incoming' } });
    const result = await runTask(it, task(['ok-1', 'ok-2'], { phase: 'undo', before }));
    t.is(result.done, '0-1');
    t.regex(it.arrived().join(), /a1 restoreReplication ok-2 /);
  });

  on(kind, 'verb not offered → unsupported', async (t, it) => {
    const result = await runTask(it, task(['ok-1'], { step: 'device-testFailoverStart' }));
    t.like(onlyFault(t, result), { kind: 'unsupported', code: 'VERB_UNSUPPORTED' });
  });

  on(kind, 'listing → one checked page; nonsense is a fault of the page', async (t, it) => {
    const list = (token?: string) =>
      it.pool.run({
        kind: 'listing',
        remoteId: 'a1',
        verb: 'discoverDevices',
        page: { sizeMax: 10, ...(token !== undefined && { token }) },
        timeoutMs: 20_000,
      });
    const page = await list();
    t.like(page, { kind: 'listing', next: 'more' });
    const nonsense = await list('nonsense');
    t.is(nonsense.kind, 'fault');
    if (nonsense.kind === 'fault') t.regex(nonsense.fault.message, /sizeBytes/);
  });

  on(
    kind,
    'query → one value or fault for each target; changing verbs are refused',
    async (t, it) => {
      const query = (verb: 'deviceStatus' | 'failover') =>
        it.pool.run({
          kind: 'query',
          remoteId: 'a1',
          verb,
          targets: [{ id: 'g1', devices: ['d1'] } as { id: string }],
          timeoutMs: 20_000,
        });
      const found = await query('deviceStatus');
      t.like(found, { kind: 'query', answers: [{ id: 'g1', value: [{ id: 'd1' }] }] });
      t.like(await query('failover'), { kind: 'fault', fault: { code: 'VERB_CHANGES' } });
      t.is(calls(it.arrived()).length, 0);
    },
  );

  on(kind, 'unknown remote and unknown step → typed faults', async (t, it) => {
    const remote = await it.pool.run(task(['ok-1'], { remoteId: 'a9' }));
    t.regex(JSON.stringify(remote), /REMOTE_NOT_FOUND/);
    t.is((await runFault(it, task(['ok-1'], { step: 'dance' }))).fault.code, 'STEP_UNKNOWN');
  });

  on(
    kind,
    'open fails → its fault without the secret, and it is opened again later',
    async (t, it) => {
      const fault = onlyFault(t, await runTask(it, task(['ok-1'])));
      t.like(fault, { kind: 'unknown', owner: 'plugin' });
      t.regex(fault.message, /no login with \[secret\]/);
      await sleep(600);
      await runTask(it, task(['ok-1']));
      t.is(it.arrived().filter((line) => line === 'a1 open').length, 2);
      t.is(calls(it.arrived()).length, 0);
    },
    { a1: { open: 'fail' } },
  );

  on(
    kind,
    'a typo in the configuration → names the field, shows no value',
    async (t, it) => {
      const { code, message } = onlyFault(t, await runTask(it, task(['ok-1'])));
      t.is(code, 'PLUGIN_CONFIG');
      t.regex(message, /config\.token/);
      t.regex(message, /config\.tokken: unknown key "tokken" \(did you mean "token"\?/);
      t.false(message.includes('4711'));
    },
    { a1: { token: 4711, tokken: 'hush-hush' } },
  );

  on(kind, 'describe → what the plugin offers', async (t, it) => {
    const said = await it.pool.run(whatIsPuppet);
    t.like(said, { kind: 'describe', name: 'puppet', contract: 1 });
    if (said.kind === 'fault') return;
    const failover = said.verbs.find(({ verb }) => verb === 'failover');
    t.deepEqual(failover, { verb: 'failover', settles: true, repeatable: false });
  });

  on(
    kind,
    'describe, one array configured wrong → said of that array alone, and nothing is opened',
    async (t, it) => {
      const said = await it.pool.run(whatIsPuppet);
      if (said.kind === 'fault') return t.fail(said.fault.message);
      t.deepEqual(Object.keys(said.misconfigured), ['a1']);
      t.like(said.misconfigured.a1, { owner: 'plugin', code: 'PLUGIN_CONFIG' });
      t.regex(said.misconfigured.a1?.message ?? '', /config\.token: .*expected/s);
      t.deepEqual(it.arrived(), []);
    },
    { a1: { token: 4711 } },
  );

  on(kind, 'close → sessions take their leave', async (t, it) => {
    await runTask(it, task(['ok-1']));
    const arrived = it.arrived;
    await it.pool.close();
    t.true(arrived().includes('a1 close'));
    t.is((await runFault(it, task(['ok-1']))).fault.code, 'POOL_CLOSED');
  });
}

const poll = (id: string): Partial<TaskJob> => {
  const operation = encodeOperation({ verb: 'failover', targets: [{ id, operation: 'op' }] });
  return { phase: 'poll', operations: [{ item: 0, operation }] };
};
