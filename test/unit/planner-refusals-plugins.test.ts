import test from 'ava';
import { rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { findingsMax } from '../../daemon/planner/defaults.ts';
import { freeze } from '../../daemon/planner/freeze.ts';
import { contextFor, inventoryOf, planOf, protect, vmOf } from '../_support/inventory.ts';
import { groups, plan, problemsOf, world } from '../_support/refusals.ts';

test('refused: the plugin lacks a verb of a step → plugin, remote and verb named', (t) => {
  const inventory = inventoryOf(world());
  const context = contextFor(inventory);
  const capabilities = new Map(context.capabilities);
  capabilities.set(
    'ar',
    (capabilities.get('ar') ?? []).filter(({ verb }) => verb !== 'failover'),
  );
  t.deepEqual(problemsOf(plan(), world(), 'planned', { capabilities }), [
    {
      field: '',
      message:
        'plugin "plugin-array" of array "ar" does not offer the verb failover, ' +
        'which step promote-target needs: use a plugin that does, or a mode without that step',
    },
  ]);
});

test('refused: the plugin does not work → named; in a disaster the lost side is not asked', (t) => {
  const inventory = inventoryOf(world());
  const capabilities = new Map(contextFor(inventory).capabilities);
  capabilities.delete('ap');
  t.deepEqual(problemsOf(plan(), world(), 'planned', { capabilities }), [
    {
      field: '',
      message: 'plugin "plugin-array" of array "ap" does not work: see why in the list of plugins',
    },
  ]);
  t.deepEqual(problemsOf(plan(), world(), 'disaster', { capabilities }), []);
});

test('warned: the plugin lacks a verb of an undo → the run is possible', (t) => {
  const inventory = inventoryOf(world());
  const capabilities = new Map(contextFor(inventory).capabilities);
  const offered = capabilities.get('ap') ?? [];
  capabilities.set(
    'ap',
    offered.filter(({ verb }) => verb !== 'restoreReplication'),
  );
  const result = freeze(plan(), inventory, 'planned', contextFor(inventory, { capabilities }));
  t.true('frozen' in result);
  t.regex(result.warnings[0]?.message ?? '', /restoreReplication: step demote-source may need it/);
});

test('refused: RERUN of a verb that can be neither settled nor repeated', (t) => {
  const inventory = inventoryOf(world());
  const capabilities = new Map(contextFor(inventory).capabilities);
  const offered = capabilities.get('ar') ?? [];
  capabilities.set(
    'ar',
    offered.map((each) => ({ ...each, settles: false, repeatable: each.verb !== 'failover' })),
  );
  const again = rerun({ attemptsMax: 2, delayMsMin: 1, delayMsMax: 2 });
  const policies = { 'promote-target': { rules: [{ do: again }], otherwise: stop() } };
  t.deepEqual(problemsOf(plan({ policies }), world(), 'planned', { capabilities }), [
    {
      field: 'policies.promote-target.rules[0].do',
      message:
        'step promote-target cannot be run again: failover can neither be settled nor repeated ' +
        'there; use stop, continue or rollback',
    },
  ]);
  const result = freeze(plan(), inventory, 'planned', contextFor(inventory, { capabilities }));
  if ('problems' in result) return t.fail(JSON.stringify(result.problems));
  const step = result.frozen.steps.find(({ name }) => name === 'promote-target');
  t.deepEqual(
    step?.policy.rules.map((rule) => rule.do.action),
    ['rollback'],
  );
  t.regex(result.warnings[0]?.message ?? '', /promote-target will not be tried again by itself/);
});

test('refused: run overrides are checked like the plan’s own policies', (t) => {
  const policies = { 'power-on': { rules: [], otherwise: rollback('run') } };
  t.deepEqual(problemsOf(plan(), world(), 'planned', { policies }), [
    {
      field: 'policies.power-on.otherwise',
      message:
        'step power-on is the point of no return: nothing can be rolled back there; ' +
        'use stop, continue or rerun (the way back is a reprotect and a planned run)',
    },
  ]);
});

test('refused: thousands of problems → the first ones and their number', (t) => {
  const vms = Array.from({ length: findingsMax + 7 }, (_, i) => vmOf(`ghost-${i}`));
  const problems = problemsOf(planOf([protect(groups, vms)]));
  t.is(problems.length, findingsMax + 1);
  t.is(problems.at(-1)?.message, 'and 7 more problems');
});
