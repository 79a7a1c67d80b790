/** What is made of the answers about calls that an ended run left in doubt. */
import test from 'ava';
import type { Mode, Plan } from '../../daemon/core/plan.ts';
import { OpenCalls } from '../../daemon/runner/open-calls.ts';
import type { JobFault, TaskJob, TaskResult } from '../../daemon/workers/pool.ts';
import { type FaultKind, fault, faultKinds } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, workgroup } from '../_support/engine.ts';

type Answered = (job: TaskJob) => Partial<TaskResult> | JobFault;

const nothing: Answered = () => ({ done: '', faults: [] });

/** A run of one step whose call at compute-b is in doubt for good, and one who asks about it. */
const after = (answer: Answered, mode: Mode = 'planned', remotes = ['compute-b']) => {
  const { state } = new Drive(frozenRun([step('register')], [workgroup('v1', ['x', 'y'])]), {
    answer: () => fault('timeout', 'silent'),
    settle: () => ({ unknowable: 'nobody can tell' }),
  }).run();
  const asked: TaskJob[] = [];
  const closed = { result: 'superseded' };
  const parts = {
    catalog: {
      state: {
        runsOf: new Map([['plan', ['run-1']]]),
        runs: new Map([['run-1', { opened: { mode }, closed }]]),
      },
    },
    runs: { state: async () => state },
    pool: {
      run: async (job: TaskJob) => {
        asked.push(job);
        return { kind: 'task', ...answer(job) };
      },
    },
    remotes: remotes.map((id) => ({ id })),
  };
  return { calls: new OpenCalls(parts as never), asked };
};

const plan = { id: 'plan' } as Plan;

test('asked: still running → in the way, by name, and asked again the next time', async (t) => {
  const { calls, asked } = after(() => ({ done: '', faults: [], running: [{ item: 1 }] }));
  const message =
    'register of x, y, left in doubt by run run-1, is still under way at compute-b: ' +
    'start again when it has ended there';
  t.deepEqual(await calls.of(plan, 'planned'), [{ field: '', message }]);
  t.is((await calls.of(plan, 'planned')).length, 1);
  t.deepEqual(
    asked.map(({ phase, direction }) => `${phase} ${direction}`),
    ['ask run', 'ask run'],
  );
});

test('asked: nothing runs any more → not in the way, and never asked again', async (t) => {
  const { calls, asked } = after(nothing);
  t.deepEqual(await calls.of(plan, 'planned'), []);
  t.deepEqual(await calls.of(plan, 'reprotect'), []);
  t.is(asked.length, 1);
});

test('asked: nobody could say → in the way; refused for good → it never would be told', async (t) => {
  const blocking: FaultKind[] = [];
  for (const kind of faultKinds) {
    const { calls } = after(() => ({ kind: 'fault', fault: fault(kind, 'no') }));
    if ((await calls.of(plan, 'planned')).length > 0) blocking.push(kind);
  }
  t.deepEqual(blocking, ['busy', 'unreachable', 'timeout', 'interrupted', 'unknown']);
});

test('asked: its remote is not configured any more → nobody to ask, and not in the way', async (t) => {
  const { calls, asked } = after(nothing, 'planned', ['compute-c']);
  t.deepEqual(await calls.of(plan, 'planned'), []);
  t.deepEqual(asked, []);
});

test('asked: tests and cleanups about those alone; fence and disaster about nothing', async (t) => {
  const asks = async (left: Mode, mode: Mode): Promise<boolean> => {
    const { calls, asked } = after(nothing, left);
    await calls.of(plan, mode);
    return asked.length > 0;
  };
  for (const left of ['planned', 'disaster', 'test', 'cleanup', 'reprotect'] as const) {
    const isOfTest = left === 'test' || left === 'cleanup';
    t.true(await asks(left, 'planned'), left);
    t.true(await asks(left, 'reprotect'), left);
    t.is(await asks(left, 'test'), isOfTest, left);
    t.is(await asks(left, 'cleanup'), isOfTest, left);
    t.false(await asks(left, 'fence'), left);
    t.false(await asks(left, 'disaster'), left);
  }
});
