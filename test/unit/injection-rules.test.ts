/** Rules that could never do what they say are refused, each at its field, before any is taken. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { modes } from '../../daemon/core/plan.ts';
import { checkRules } from '../../daemon/runner/check-rules.ts';
import { senselessIn } from '../../daemon/runner/rule-sense.ts';
import { steps } from '../../daemon/steps/registry.ts';
import { parseScenario } from '../../sdk/scenario/file.ts';
import { type Rule, ruleModes } from '../../sdk/scenario/rule.ts';
import { repoRoot } from '../_support/root.ts';

const known = {
  sites: [{ id: 'site-a' }, { id: 'site-b' }],
  remotes: [
    { id: 'lab-a', kind: 'array', siteId: 'site-a' },
    { id: 'compute-a', kind: 'compute', siteId: 'site-a' },
  ],
  nowMs: Date.parse('2026-01-01T00:00:00Z'),
  fits: true,
} as const;

const rulesOf = (yaml: string): readonly Rule[] => {
  const read = parseScenario(`name: x\nrules:\n  - { name: r, ${yaml} }\n`, 'x.yaml');
  if ('problems' in read) throw new Error(JSON.stringify(read.problems));
  return read.value.rules;
};

test('a rule may be for each mode of plans, and for device runs', (t) => {
  t.deepEqual(ruleModes, [...modes, 'device']);
});

const problemsOf = (rules: readonly Rule[], more: Partial<typeof known> = {}): string[] => {
  try {
    checkRules(rules, { ...known, all: rules, ...more });
    return [];
  } catch (error) {
    const { violations } = error as { violations: { field: string; message: string }[] };
    return violations.map(({ field, message }) => `${field}: ${message}`);
  }
};

const hang = 'effect: { effect: hang }';

for (const [yaml, problem] of [
  [`step: mout, ${hang}`, /step: .*did you mean "mount"\? one of test-copy, mount/],
  [`mode: reprotect, step: power-on, ${hang}`, /step: .*no step of mode reprotect, .*reverse/],
  [`mode: device, step: power-on, ${hang}`, /step: .*mode device, which has device-sync/],
  [`mode: cleanup, verb: powerOn, ${hang}`, /verb: no step of mode cleanup calls powerOn/],
  [`step: mount, verb: powerOn, ${hang}`, /verb: step mount never calls powerOn: .* mount/],
  [`site: site-b, remote: lab-a, ${hang}`, /remoteId: lab-a is at site site-a, not at site-b/],
  [`step: power-on, remote: lab-a, ${hang}`, /remoteId: lab-a is an array, .* computes/],
  ['site: site-b, remote: lab-a, toxic: { toxic: down }', /remoteId: lab-a is at site site-a/],
  [`direction: run, phase: undo, ${hang}`, /phase: undo has the direction undo/],
  [`direction: undo, phase: before, ${hang}`, /phase: before has the direction run/],
  [`direction: undo, step: power-on, ${hang}`, /direction: step power-on has no undo/],
  [`phase: undo, step: power-on, ${hang}`, /phase: step power-on has no undo/],
  [`phase: before, step: mount, ${hang}`, /phase: step mount looks at nothing before/],
  [`verb: listVms, step: mount, ${hang}`, /step: listVms is asked outside of runs/],
  [`verb: listVms, plan: x, ${hang}`, /planId: listVms is asked outside of runs/],
  [`verb: listVms, attempt: 2, ${hang}`, /verb: listVms is asked outside of runs, once/],
  [`verb: listVms, targets: [vm-1], ${hang}`, /targets: listVms lists all .* leave them away/],
  [`until: "2025-12-31T23:59:59Z", ${hang}`, /untilMs: is over already/],
  ['verb: powerOn, effect: { effect: stale-read }', /effect: stale-read is for verbs that look/],
  ['step: mount, effect: { effect: stale-read }', /effect: stale-read is for verbs that look/],
  ['phase: settle, effect: { effect: partial, done: 1, fault: { kind: busy } }', /no meaning/],
  ['verb: listVms, effect: { effect: parameter, args: { a: 1 } }', /no meaning for a question/],
  ['verb: vmStatus, effect: { effect: fail-later, fault: { kind: busy } }', /only looks/],
  ['verb: vmStatus, effect: { effect: wrong-result }', /without `set`/],
  ['verb: mount, effect: { effect: parameter }', /without `args` or `target`/],
  [`step: verify, phase: settle, ${hang}`, /phase: step verify calls nothing in phase settle/],
  [`step: verify, phase: poll, ${hang}`, /phase: step verify calls nothing in phase poll/],
  [`verb: readFile, phase: settle, ${hang}`, /verb: no step calls readFile in phase settle/],
  [
    `step: mount, verb: unmount, direction: run, ${hang}`,
    /verb: step mount calls mount in direction run, never unmount/,
  ],
  [`step: mount, verb: unmount, phase: run, ${hang}`, /verb: .* mount in phase run, never unmount/],
  [
    `step: mount, verb: mount, direction: undo, ${hang}`,
    /verb: .* unmount in direction undo, never mount/,
  ],
  [
    `step: mount, direction: undo, phase: settle, ${hang}`,
    /phase: step mount calls nothing in direction undo in phase/,
  ],
  [`verb: powerOn, remote: lab-a, ${hang}`, /remoteId: lab-a is an array, powerOn .* computes/],
  [`verb: listVms, remote: lab-a, ${hang}`, /remoteId: lab-a is an array, listVms .* computes/],
  [`verb: sync, remote: compute-a, ${hang}`, /remoteId: compute-a is a compute, sync .* arrays/],
  [`step: sync, remote: compute-a, ${hang}`, /remoteId: compute-a is a compute, step sync calls/],
  [`workgroup: v1, remote: lab-a, ${hang}`, /remoteId: lab-a is an array, .* call computes/],
  [`step: test-copy, workgroup: v1, ${hang}`, /workgroup: step test-copy .* of storage: s1/],
  [`step: power-on, workgroup: s1.2, ${hang}`, /workgroup: step power-on .* of VMs: v1/],
  [`verb: powerOn, workgroup: s1, ${hang}`, /workgroup: powerOn is for workgroups of VMs/],
  [`workgroup: web, ${hang}`, /workgroup: no workgroup is called so: s1/],
] as const) {
  test(`impossible: ${yaml} → refused, with what is possible`, (t) => {
    const found = problemsOf(rulesOf(yaml));
    t.is(found.length, 1, found.join('\n'));
    t.regex(found[0] ?? '', problem);
  });
}

test('possible: what each step calls by docs/steps.md, in each mode that takes it → taken', (t) => {
  let rules = 0;
  let mode = '';
  for (const line of readFileSync(join(repoRoot, 'docs/steps.md'), 'utf8').split('\n')) {
    mode = /^## (\w+)/.exec(line)?.[1] ?? mode;
    const step = /^\| ([\w-]+) \|/.exec(line)?.[1];
    if (step === undefined || !steps.has(step)) continue;
    for (const [, verb = ''] of line.matchAll(/`(\w+)`/g)) {
      rules += 1;
      const rule = { name: 'r', step, verb, effect: { effect: 'hang' } } as const;
      t.deepEqual(senselessIn(rule), [], `${step} ${verb}`);
    }
    const { unit } = steps.get(step) ?? {};
    for (const [cell, scope] of [
      [5, { phase: 'before' }],
      [6, { direction: 'run' }],
      [7, { phase: 'settle' }],
      [8, { direction: 'undo' }],
    ] as const) {
      for (const [, verb = ''] of (line.split(' | ')[cell] ?? '').matchAll(/`(\w+)`/g)) {
        const where = { step, verb, workgroup: unit === 'vm' ? 'v1.2' : 's12' };
        const rule = { name: 'r', ...where, ...scope, effect: { effect: 'hang' } } as const;
        t.deepEqual(senselessIn(rule), [], `${step} ${verb} ${JSON.stringify(scope)}`);
      }
    }
  }
  t.true(rules > 50, `${rules}`);
});

test('steps: what can be undone → says by which verbs, as docs/steps.md does', (t) => {
  for (const { name, undo, undoVerbs } of steps.values()) {
    t.is(typeof undo === 'function', undoVerbs !== undefined, name);
  }
});

test('too many for the threads, with those that are there → refused before anything is on', (t) => {
  const rules = rulesOf('toxic: { toxic: down }');
  t.deepEqual(problemsOf(rules), []);
  const [problem] = problemsOf(rules, { fits: false as true });
  t.regex(problem ?? '', /rules: with those that are there more than .* 64 with a toxic/);
});

for (const [yaml, line, expected] of [
  ['name: x\nsed: 7\nrules: [{ name: r, effect: { effect: hang } }]', 2, /did you mean "seed"/],
  ['name: x\nexpect: foo\nrules: [{ name: r, effect: { effect: hang } }]', 2, /unknown key/],
  ['name: x\nrules: [{ name: r, targets: [], effect: { effect: hang } }]', 2, /targets/],
  ['name: x\nrules: [{ name: r, mode: tst, effect: { effect: hang } }]', 2, /did you mean "test"/],
  [
    'name: x\nrules: [{ name: r, effect: { effect: refuse, fault: { kind: busy } } }]',
    2,
    /\\"fault\\" does not go with effect: refuse","expected":"only effect"/,
  ],
  [
    'name: x\nrules: [{ name: r }]',
    2,
    /\\"effect\\" or \\"toxic\\" is missing.*lost-reply.*latency/,
  ],
  ['name: x\nrules: [{ name: r, step: mount }]', 2, /\\"effect\\" is missing/],
  ['name: x\nrules: [{ name: r, probability: 0, effect: { effect: hang } }]', 2, /above 0/],
  ['name: x\nrules: [{ name: r, toxicity: 0, toxic: { toxic: down } }]', 2, /above 0/],
] as const) {
  test(`a scenario file: ${JSON.stringify(yaml)} → told at line ${line}`, (t) => {
    const read = parseScenario(yaml, 'x.yaml');
    if (!('problems' in read)) return t.fail();
    const [problem] = read.problems;
    t.is(problem?.line, line);
    t.regex(JSON.stringify(problem).replaceAll('"suggestion":', 'did you mean '), expected);
  });
}
