/**
 * What a task costs the engine, counted in what it looks at, never in time: reads of workgroups and
 * gates, and ranks in heaps. It must not grow with the run.
 */
import test from 'ava';
import { Heap } from '../../daemon/core/engine/heap.ts';
import type { FrozenStep, FrozenWorkgroup, Gate } from '../../daemon/core/frozen.ts';
import { goOn, type PolicyAction, rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { Drive, frozenRun, step, type World, workgroup } from '../_support/engine.ts';

const storage: Partial<FrozenStep> = { unit: 'storage', remote: 'array' };
const steps = (otherwise: PolicyAction) =>
  [
    step('sync', { ...storage, undo: 'nothing-to-undo' }),
    step('shut-down', { before: true }),
    step('demote-source', storage),
    step('promote-target', storage),
    step('register'),
    step('power-on'),
  ].map((made) => ({ ...made, policy: { rules: [], otherwise } }));

/** Half of them storage, a VM workgroup on each; priorities in four ranks at power-on. */
const groupsOf = (count: number): FrozenWorkgroup[] =>
  Array.from({ length: count }, (_, at) => {
    const below = at % 2 === 0;
    const where = { storage: below ? at : at - 1, priority: 1 + (at % 4) };
    return workgroup(`${below ? 's' : 'v'}${at}`, [`${at}a`, `${at}b`], where);
  });

const gatesOf = (groups: readonly FrozenWorkgroup[]): Gate[] => {
  const vms = groups.flatMap(({ unit }, at) => (unit === 'vm' ? [at] : []));
  const standing = vms.flatMap((vm): Gate[] =>
    [[0, vm - 1, 1, vm] as const, [1, vm, 2, vm - 1] as const, [3, vm - 1, 4, vm] as const].map(
      ([before, waits, after, holds]) => ({
        kind: 'stands-on',
        waits: { step: before, workgroups: [waits] },
        holds: { step: after, workgroups: [holds] },
      }),
    ),
  );
  const rank = (wanted: number) => vms.filter((at) => groups[at]?.priority === wanted);
  const priority: Gate = {
    kind: 'priority',
    waits: { step: 5, workgroups: rank(2) },
    holds: { step: 5, workgroups: rank(4) },
  };
  return [...standing, priority];
};

interface Cost {
  reads: number;
  ranks: number;
}

/** Counts every read of an element, by position or in a loop. */
const counted = <T extends object>(list: T[], cost: Cost): T[] =>
  new Proxy(list, {
    get: (target, key, receiver) => {
      if (typeof key === 'string' && /^\d+$/.test(key)) cost.reads++;
      return Reflect.get(target, key, receiver);
    },
  });

/** Counts reads of ranks in heaps while `work` is done. */
const countingHeaps = (cost: Cost, work: () => void): void => {
  const { push } = Heap.prototype;
  Heap.prototype.push = function <T>(this: Heap<T>, item: { rank: number; value: T }): void {
    const { rank } = item;
    Object.defineProperty(item, 'rank', {
      get: () => {
        cost.ranks++;
        return rank;
      },
    });
    push.call(this, item);
  };
  try {
    work();
  } finally {
    Heap.prototype.push = push;
  }
};

/** Per answer of a task, over a whole run of `count` workgroups. */
const costOf = (count: number, action: PolicyAction, world: World): Cost => {
  const groups = groupsOf(count);
  const cost: Cost = { reads: 0, ranks: 0 };
  const drive = new Drive(frozenRun(steps(action), groups, gatesOf(groups)), world, 'ahead');
  Object.assign(drive.state, { groups: counted(drive.state.groups, cost) });
  Object.assign(drive.state.gates, { latches: counted(drive.state.gates.latches, cost) });
  countingHeaps(cost, () => drive.run());
  const answers = drive.entries.filter(({ type }) => type === 'task-outcome').length;
  return { reads: cost.reads / answers, ranks: cost.ranks / answers };
};

/** One item in fifty fails at power-on. */
const faulty: World = {
  answer: ({ step: name, item, direction }) =>
    name === 'power-on' && direction === 'run' && Number.parseInt(item, 10) % 50 === 1
      ? fault('refused', 'no')
      : 'ok',
};
const last =
  (count: number): NonNullable<World['answer']> =>
  ({ step: name, group, direction }) =>
    name === 'power-on' && direction === 'run' && group === `v${count - 1}`
      ? fault('refused', 'no')
      : 'ok';

const again = rerun({ attemptsMax: 3, delayMsMin: 10, delayMsMax: 100 });
const runs: readonly (readonly [string, PolicyAction, (count: number) => World])[] = [
  ['no fault', stop(), () => ({})],
  ['CONTINUE, 2 % faults', goOn, () => faulty],
  ['RERUN, 2 % faults', again, () => faulty],
  ['STOP(item), 2 % faults', stop('item'), () => faulty],
  ['STOP(workgroup), 2 % faults', stop(), () => faulty],
  ['ROLLBACK(workgroup), 2 % faults', rollback('workgroup'), () => faulty],
  ['ROLLBACK(run), the last fails', rollback('run'), (count) => ({ answer: last(count) })],
];

for (const [title, action, worldOf] of runs) {
  test(`cost: ${title} → per task as many looks at 4,000 workgroups as at 200`, (t) => {
    const [small, large] = [200, 4_000].map((count) => costOf(count, action, worldOf(count))) as [
      Cost,
      Cost,
    ];
    t.log(`looks ${small.reads.toFixed(1)} → ${large.reads.toFixed(1)}`);
    t.log(`ranks ${small.ranks.toFixed(1)} → ${large.ranks.toFixed(1)}`);
    t.true(large.reads < 1.1 * small.reads);
    // Of a heap twenty times as large the levels are log2(20) more; at each, four ranks are read.
    t.true(large.ranks < small.ranks + 4 * Math.log2(20));
  });
}
