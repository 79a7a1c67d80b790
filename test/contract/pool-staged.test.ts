/** Jobs that are sent ahead: they begin in their thread when the one before has ended there. */
import test, { type ExecutionContext } from 'ava';
import type { TaskJob } from '../../daemon/workers/pool.ts';
import { type Stage, stage, task } from '../_support/pools.ts';

const on = (claim: string, body: (t: ExecutionContext, it: Stage) => Promise<void>): void => {
  test(claim, async (t) => {
    const it = stage('threads');
    t.teardown(it.end);
    await it.pool.run(task(['ok-0']));
    await body(t, it);
  });
};

const staged = ({ pool }: Stage, job: TaskJob, behind: TaskJob) => {
  const made = pool.stage(job, behind);
  if (made === undefined) throw new Error('it could not be staged');
  return made;
};

const doneOf = (result: object): unknown => (result as { done?: string }).done;

on(
  'staged: not called before the one before it has ended; then at once, and answered after it',
  async (t, it) => {
    const slow = task(['slow-1']);
    const order: string[] = [];
    const first = it.pool.run(slow).then((result) => order.push(`first ${doneOf(result)}`));
    const second = staged(it, task(['ok-2']), slow);
    const answered = second.result.then((result) => order.push(`second ${doneOf(result)}`));
    await Promise.all([first, answered]);
    t.deepEqual(order, ['first 0', 'second 0']);
    t.regex(it.arrived().at(-1) ?? '', /ok-2/);
  },
);

on('staged: told to begin → begins while the one before it goes on', async (t, it) => {
  const slow = task(['slow-1']);
  const order: string[] = [];
  const first = it.pool.run(slow).then(() => order.push('first'));
  const second = staged(it, task(['ok-2']), slow);
  second.begin();
  await Promise.all([first, second.result.then(() => order.push('second'))]);
  t.deepEqual(order, ['second', 'first']);
});

on(
  'staged: recalled in time → never called, and the next one can stand in its place',
  async (t, it) => {
    const slow = task(['slow-1']);
    const first = it.pool.run(slow);
    const second = staged(it, task(['ok-2']), slow);
    second.recall();
    t.deepEqual(await second.result, { kind: 'recalled' });
    const third = staged(it, task(['ok-3']), slow);
    await first;
    t.is(doneOf(await third.result), '0');
    t.false(it.arrived().some((line) => line.includes('ok-2')));
  },
);

on('staged: recalled too late → its answer comes as ever', async (t, it) => {
  const slow = task(['slow-1']);
  const first = it.pool.run(slow);
  const second = staged(it, task(['ok-2']), slow);
  second.begin();
  second.recall();
  t.is(doneOf(await second.result), '0');
  await first;
});

on('staged: behind one that is staged itself → one after the other', async (t, it) => {
  const slow = task(['slow-1']);
  const then = task(['slow-2']);
  const order: string[] = [];
  const first = it.pool.run(slow).then(() => order.push('first'));
  const second = staged(it, then, slow).result.then(() => order.push('second'));
  const third = staged(it, task(['ok-3']), then).result.then(() => order.push('third'));
  await Promise.all([first, second, third]);
  t.deepEqual(order, ['first', 'second', 'third']);
});

on('staged: the thread ends → in doubt, like the one before it', async (t, it) => {
  const fatal = task(['lateexit-1']);
  const first = it.pool.run(fatal);
  const second = staged(it, task(['ok-2']), fatal);
  t.is((await first).kind, 'fault');
  t.is((await second.result).kind, 'fault');
});

on('staged: behind a job that is not in flight → not possible', async (t, it) => {
  const over = task(['ok-1']);
  await it.pool.run(over);
  t.is(it.pool.stage(task(['ok-2']), over), undefined);
});
