/** Any fault, policy, plan and entry that the daemon can have, for claims about all of them. */
import fc from 'fast-check';
import { decisions, type Entry, runResults } from '../../daemon/core/entries.ts';
import { type Plan, priorityMax, priorityMin } from '../../daemon/core/plan.ts';
import { type Policy, type PolicyAction, reaches } from '../../daemon/core/policy.ts';
import { encodeRanges } from '../../daemon/core/ranges.ts';
import {
  attemptsCeiling,
  storageWorkgroupCeiling,
  vmWorkgroupCeiling,
} from '../../daemon/planner/defaults.ts';
import { type Fault, faultKinds, faultOwners } from '../../sdk/plugin/fault.ts';
import { frozenRun } from './samples.ts';

/** Ids are opaque: anything well-formed, lines and controls too, within the bound on ids. */
export const ids = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }).filter((text) => text.isWellFormed()),
);
export const texts = fc.string({ unit: 'grapheme', maxLength: 20 });
const moments = fc.integer({ min: 1, max: 8.64e15 });
const count = fc.nat({ max: 10_000 });

/** Without the keys whose value is absent. */
const given = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

export const faults: fc.Arbitrary<Fault> = fc
  .record({
    kind: fc.constantFrom(...faultKinds),
    owner: fc.constantFrom(...faultOwners),
    message: texts,
    code: maybe(ids),
    hint: maybe(ids),
    members: maybe(fc.array(ids, { minLength: 1, maxLength: 3 })),
  })
  .map((fault) => given(fault) as Fault);

const bounds = fc
  .tuple(
    fc.integer({ min: 1, max: attemptsCeiling }),
    fc.nat({ max: 1_000 }),
    fc.nat({ max: 1_000 }),
  )
  .map(([attemptsMax, delayMsMin, more]) => ({
    attemptsMax,
    delayMsMin,
    delayMsMax: delayMsMin + more,
  }));

export const policyActions: fc.Arbitrary<PolicyAction> = fc.oneof(
  fc.constant({ action: 'continue' as const }),
  bounds.map((rerun) => ({ action: 'rerun' as const, ...rerun })),
  fc.constantFrom(...reaches).map((reach) => ({ action: 'stop' as const, reach })),
  fc.constantFrom(...reaches).map((reach) => ({ action: 'rollback' as const, reach })),
);

const kindsSome = fc.uniqueArray(fc.constantFrom(...faultKinds), { minLength: 1, maxLength: 3 });
const codesSome = fc.array(ids, { minLength: 1, maxLength: 3 });

/** A rule of a plan file names kinds or codes: without either it would be the `otherwise`. */
const rules = fc
  .oneof(
    fc.record({ kinds: kindsSome }),
    fc.record({ codes: codesSome }),
    fc.record({ kinds: kindsSome, codes: codesSome }),
  )
  .chain((when) => policyActions.map((action) => ({ ...when, do: action })));

export const policies: fc.Arbitrary<Policy> = fc.record({
  rules: fc.array(rules, { maxLength: 3 }),
  otherwise: policyActions,
});

/** Names of steps, as keys of a map: not what an object has by nature. */
const stepNames = fc.constantFrom('sync', 'shut-down', 'promote-target', 'register', 'power-on');

export const policiesByStep = fc.dictionary(stepNames, policies, {
  maxKeys: 3,
  noNullPrototype: true,
});

const atLeastOne = fc.integer({ min: 1, max: 10_000 });

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  id: ids,
  name: texts,
  protectedSiteId: ids,
  recoverySiteId: ids,
  protectionGroups: fc.array(
    fc
      .record({
        id: ids,
        groups: fc.array(fc.record({ arrayId: ids, id: ids }), { minLength: 1, maxLength: 3 }),
        vms: maybe(
          fc.array(
            fc.record({
              id: ids,
              priority: fc.integer({ min: priorityMin, max: priorityMax }),
              dependsOn: fc.array(ids, { maxLength: 3 }),
            }),
            { maxLength: 3 },
          ),
        ),
      })
      .map((group) => given(group) as Plan['protectionGroups'][number]),
    { minLength: 1, maxLength: 3 },
  ),
  policies: policiesByStep,
  options: fc.record({
    vmWorkgroupMax: fc.integer({ min: 1, max: vmWorkgroupCeiling }),
    storageWorkgroupMax: fc.integer({ min: 1, max: storageWorkgroupCeiling }),
    release: fc.oneof(
      fc.constant({ kind: 'each' as const }),
      atLeastOne.map((size) => ({ kind: 'batch' as const, size })),
    ),
    priorityGates: fc.boolean(),
    limits: fc.record({
      perArray: atLeastOne,
      perCompute: atLeastOne,
      perStep: fc.dictionary(stepNames, atLeastOne, { maxKeys: 3, noNullPrototype: true }),
    }),
    liveMigration: fc.boolean(),
    lag: fc.record({
      rpoTimesMax: fc.integer({ min: 1, max: 1_000 }),
      beyond: fc.constantFrom('refuse' as const, 'warn' as const),
    }),
  }),
});

/** Two sites: a plan between a site and itself is none. */
export const plans = anyPlan.filter((plan) => plan.protectedSiteId !== plan.recoverySiteId);

export const positions = fc
  .uniqueArray(fc.nat({ max: 5_000 }), { maxLength: 300 })
  .map((list) => list.sort((one, other) => one - other));

const ranges = positions.map(encodeRanges);
const someRanges = positions.filter((list) => list.length > 0).map(encodeRanges);
const itemFaults = fc.array(fc.record({ items: someRanges, fault: faults }), { maxLength: 3 });
const byPosition = <T>(value: fc.Arbitrary<T>) =>
  fc.dictionary(
    fc.nat({ max: 100 }).map((at) => `${at}`),
    value,
    { maxKeys: 3, noNullPrototype: true },
  );
const evidence = maybe(
  byPosition(byPosition(fc.oneof(texts, count, fc.boolean())).map((facts) => given(facts))),
);

const task = {
  at: moments,
  group: count,
  step: fc.nat({ max: 60 }),
  direction: fc.constantFrom('run' as const, 'undo' as const),
  attempt: atLeastOne,
};
const run = { at: moments };
const entry = <T extends string, R extends object>(
  type: T,
  fields: { [K in keyof R]: fc.Arbitrary<R[K]> },
) => fc.record(fields).map((made) => ({ type, ...given(made) }));

export const entries: fc.Arbitrary<Entry> = fc.oneof(
  entry('run-started', {
    ...run,
    runId: ids,
    requester: texts,
    requestKey: texts,
    initiatorId: ids,
    frozen: ids.map(frozenRun),
    lostSites: fc.array(ids, { maxLength: 2 }),
  }),
  entry('task-started', { ...task, items: maybe(someRanges) }),
  entry('task-prepared', { ...task, before: byPosition(fc.jsonValue()) }),
  entry('task-accepted', {
    ...task,
    operations: fc.array(fc.record({ item: count, operation: ids }), { maxLength: 3 }),
  }),
  entry('task-outcome', { ...task, done: ranges, faults: itemFaults, evidence }),
  entry('task-settled', {
    ...task,
    done: ranges,
    absent: itemFaults,
    unknowable: fc.array(fc.record({ items: someRanges, why: texts }), { maxLength: 2 }),
    evidence,
  }),
  entry('task-interrupted', { ...task, reason: texts }),
  entry('task-withdrawn', task),
  entry('claim-waits', {
    ...task,
    runIds: fc.array(ids, { maxLength: 3 }),
    parkedIds: maybe(fc.array(ids, { maxLength: 2 })),
  }),
  entry('done-elsewhere', { ...task, items: someRanges, byRunId: ids }),
  entry('undo-refused', { ...task, items: someRanges, byRunId: ids }),
  entry('policy-applied', {
    ...task,
    items: someRanges,
    fault: faults,
    action: policyActions,
    because: maybe(texts),
    retryAtMs: maybe(moments),
  }),
  entry('call-refused', { ...task, siteId: ids, verb: ids }),
  entry('run-cancel-requested', { ...run, requester: texts, reason: texts }),
  entry('run-parked', {
    ...run,
    reason: fc.constantFrom('stopped' as const, 'cancelled' as const, 'stuck' as const),
  }),
  entry('run-resumed', {
    ...run,
    requester: texts,
    decision: fc.constantFrom(...decisions),
    policies: policiesByStep,
  }),
  entry('run-site-lost', { ...run, siteId: ids }),
  entry('run-site-reachable', { ...run, siteId: ids }),
  entry('run-taken-over', { ...run, memberId: ids, epoch: fc.integer({ min: 2, max: 9 }) }),
  entry('run-ended', { ...run, result: fc.constantFrom(...runResults), byRunId: maybe(ids) }),
) as fc.Arbitrary<Entry>;
