/**
 * The order in which workgroups flow, read from the journals of whole runs over random placements
 * of priorities on groups, with each kind of release. Source: US 9,430,284.
 */
import test from 'ava';
import fc from 'fast-check';
import type { Entry, RunStarted } from '../../daemon/core/entries.ts';
import type { Plan } from '../../daemon/core/plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { planFor, rig, untilRest } from '../_support/engine-on-lab.ts';

interface Span {
  readonly step: string;
  readonly group: number;
  readonly from: number;
  readonly to: number;
}

/** Each task's first intent and last outcome, by their place in the journal. */
const spansOf = (entries: readonly Entry[]): Span[] => {
  const { steps } = (entries[0] as RunStarted).frozen;
  const spans = new Map<string, Span>();
  entries.forEach((entry, at) => {
    if (entry.type !== 'task-started' && entry.type !== 'task-outcome') return;
    const key = `${entry.group}/${entry.step}`;
    const step = steps[entry.step]?.name ?? '';
    const known = spans.get(key) ?? { step, group: entry.group, from: at, to: at };
    spans.set(key, { ...known, to: at });
  });
  return [...spans.values()];
};

/** What the order of a planned run must never show. */
const breaches = (entries: readonly Entry[]): string[] => {
  const { frozen } = entries[0] as RunStarted;
  const spans = spansOf(entries);
  const of = (step: string) => spans.filter((span) => span.step === step);
  const priority = (span: Span) => frozen.workgroups[span.group]?.priority ?? 0;
  const storage = (span: Span) => frozen.workgroups[span.group]?.storage ?? -1;
  const found: string[] = [];
  const before = (
    first: Span[],
    then: Span[],
    when: (a: Span, b: Span) => boolean,
    say: string,
  ) => {
    for (const one of first) {
      for (const next of then) {
        if (when(one, next) && one.to > next.from) found.push(`${say}: ${one.group} ${next.group}`);
      }
    }
  };
  const same = (one: Span, next: Span) => storage(one) === storage(next);
  const earlier = (one: Span, next: Span) => priority(one) < priority(next);
  const later = (one: Span, next: Span) => priority(one) > priority(next);
  before(of('shut-down'), of('final-sync'), same, 'final sync under a VM that is up');
  before(of('mount'), of('register'), same, 'register before mount');
  before(of('power-on'), of('power-on'), earlier, 'power-on out of priority');
  before(of('shut-down'), of('shut-down'), later, 'shut-down out of priority');
  for (const { name, unit } of frozen.steps) {
    const expected = frozen.workgroups.filter((group) => group.unit === unit).length;
    if (of(name).length !== expected) found.push(`${name}: ${of(name).length} of ${expected}`);
  }
  return found;
};

const journalOf = async (plan: Plan, groups: number, vms: number): Promise<readonly Entry[]> => {
  const made = await rig({ groups, vms });
  await made.engine.createPlan(plan);
  const { runId } = await made.engine.startRun({
    planId: plan.id,
    mode: 'planned',
    requester: 'tester',
    requestKey: '',
    policies: {},
  });
  await untilRest(made.engine, runId);
  const stored = await made.journal.read(runId, 1, 10_000);
  return stored.map(({ body }) => JSON.parse(body) as Entry);
};

test('any placement of priorities, any release: no VM is up at a final sync, priorities hold', async (t) => {
  const placements = fc.record({
    priorities: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 9, maxLength: 9 }),
    max: fc.integer({ min: 1, max: 3 }),
    batch: fc.integer({ min: 0, max: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(placements, async ({ priorities, max, batch }) => {
      const plan = planFor(3);
      const placed: Plan = {
        ...plan,
        protectionGroups: plan.protectionGroups.map((group, at) => ({
          ...group,
          vms: (group.vms ?? []).map((vm, place) => ({
            ...vm,
            priority: priorities[at * 3 + place] ?? 3,
          })),
        })),
        options: {
          ...defaultOptions,
          vmWorkgroupMax: max,
          release: batch === 0 ? { kind: 'each' } : { kind: 'batch', size: batch },
        },
      };
      t.deepEqual(breaches(await journalOf(placed, 3, 3)), []);
    }),
    { numRuns: 15, seed: 7 },
  );
});

test('a VM is powered on only after those that it depends on', async (t) => {
  const plan = planFor(2);
  const chained: Plan = {
    ...plan,
    protectionGroups: plan.protectionGroups.map((group, at) => ({
      ...group,
      vms: (group.vms ?? []).map((vm, place) => ({
        ...vm,
        priority: 3,
        dependsOn:
          at === 1 && place === 0 ? ['vm-00002'] : place === 1 ? ['vm-00001'].slice(at) : [],
      })),
    })),
  };
  const entries = await journalOf(chained, 2, 3);
  const { frozen } = entries[0] as RunStarted;
  const spans = spansOf(entries).filter(({ step }) => step === 'power-on');
  const spanOf = (vm: string) =>
    spans.find(({ group }) => frozen.workgroups[group]?.items.some(({ id }) => id === vm));
  t.true((spanOf('vm-00001')?.to ?? 0) < (spanOf('vm-00002')?.from ?? 0));
  t.true((spanOf('vm-00002')?.to ?? 0) < (spanOf('vm-00004')?.from ?? 0));
});

test('0 and 1 workgroups end, and a plan without VMs moves its groups', async (t) => {
  const bare = planFor(1);
  const without = {
    ...bare,
    protectionGroups: bare.protectionGroups.map((group) => ({ ...group, vms: [] })),
  };
  const made = await rig({ groups: 1, vms: 0 });
  await made.engine.createPlan(without);
  const { runId } = await made.engine.startRun({
    planId: bare.id,
    mode: 'planned',
    requester: 'tester',
    requestKey: '',
    policies: {},
  });
  await untilRest(made.engine, runId);
  t.is((await made.engine.getRun(runId, 'full')).result, 'succeeded');
});
