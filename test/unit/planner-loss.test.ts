/** A disaster run says how much it is going to lose, before it begins. */
import test from 'ava';
import type { StorageItem } from '../../daemon/core/frozen.ts';
import type { Mode } from '../../daemon/core/plan.ts';
import { freeze } from '../../daemon/planner/freeze.ts';
import { contextFor, inventoryOf, type Sketch } from '../_support/inventory.ts';
import { group0, group1, plan, withDevice, world } from '../_support/refusals.ts';

const nowMs = 1_000_000;
const aged = (id: string, ageMs: number, of = world()): Sketch =>
  withDevice(id, { lastRecoveryPoint: { id: 'p', atMs: nowMs - ageMs, by: 'x' } }, of);

const lossOf = (of: Sketch, mode: Mode = 'disaster') => {
  const inventory = inventoryOf(of);
  const made = freeze(plan(), inventory, mode, contextFor(inventory, { now: nowMs }));
  if ('problems' in made) throw new Error(JSON.stringify(made.problems));
  const items = made.frozen.workgroups
    .filter(({ unit }) => unit === 'storage')
    .flatMap((group) => group.items as readonly StorageItem[]);
  const losses = Object.fromEntries(items.map(({ id, expectedLossMs }) => [id, expectedLossMs]));
  const warnings = made.warnings.filter(({ message }) => /lost/.test(message));
  return { losses, warnings };
};

test("disaster: the oldest device's age is the group's loss, told in seconds and frozen", (t) => {
  const { losses, warnings } = lossOf(
    aged('a-d0r', 2_000, aged('a-d1r', 12_500, aged('b-d0r', 400))),
  );
  t.deepEqual(losses, { 'ap/a-p': 12_500, 'ap/b-d0p': 400 });
  t.deepEqual(
    warnings.map(({ field }) => field),
    [group0, group1],
  );
  t.regex(warnings[0]?.message ?? '', /at most the last 12\.5 s are expected to be lost/);
});

test('disaster: a synchronous pair that is synchronized → told so beside the age', (t) => {
  const pair = { updateMode: 'synchronous', pairState: 'synchronized' } as const;
  const of = withDevice('b-d0r', pair, aged('b-d0r', 9_000));
  const { losses, warnings } = lossOf(of);
  t.is(losses['ap/b-d0p'], 9_000);
  t.regex(warnings[1]?.message ?? '', /written to synchronously until the sites parted$/);
  t.notRegex(lossOf(aged('b-d0r', 9_000)).warnings[1]?.message ?? '', /synchronously/);
});

test('disaster: what the lost side claims does not count; who says nothing is told of', (t) => {
  const { losses, warnings } = lossOf(aged('b-d0p', 0));
  t.deepEqual(losses, { 'ap/a-p': undefined, 'ap/b-d0p': undefined });
  t.regex(warnings[1]?.message ?? '', /nobody has said as of when the copy of "ap\/b-d0p"/);
});

test('planned: nothing is expected to be lost', (t) => {
  t.deepEqual(lossOf(aged('b-d0r', 900), 'planned').warnings, []);
});

test('disaster: a side that stands open already → nothing is expected to be lost of it', (t) => {
  const open = { access: 'read-write', direction: 'none' } as const;
  const of = withDevice('b-d0r', open, aged('b-d0r', 44_700));
  const { losses, warnings } = lossOf(of);
  t.is(losses['ap/b-d0p'], undefined);
  t.false(warnings.some(({ message }) => message.includes('ap/b-d0p')));
});
