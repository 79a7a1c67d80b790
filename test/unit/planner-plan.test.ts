import test from 'ava';
import type { Plan } from '../../daemon/core/plan.ts';
import { type PolicyAction, rerun, rollback, stop } from '../../daemon/core/policy.ts';
import { checkPlan } from '../../daemon/planner/check-plan.ts';
import { defaultOptions } from '../../daemon/planner/defaults.ts';
import { planOf, protect, vmOf } from '../_support/inventory.ts';

const good = planOf([protect([{ id: 'a' }], [vmOf('x', 1), vmOf('y', 2, ['x'])])]);

const problem = (change: Partial<Plan>): string => {
  const found = checkPlan({ ...good, ...change });
  return found.map(({ field, message }) => `${field}: ${message}`).join('\n');
};
const withPolicy = (name: string, action: PolicyAction): string =>
  problem({ policies: { [name]: { rules: [], otherwise: action } } });
const withVm = (vm: Plan['protectionGroups'][number]['vms']): string =>
  problem({ protectionGroups: [protect([{ id: 'a' }], vm ?? [])] });

test('plan: well formed → no problem', (t) => {
  t.deepEqual(checkPlan(good), []);
});

test('plan: no id, an id too long → said so', (t) => {
  t.is(problem({ id: '' }), 'id: the plan has no id: give it one');
  t.is(problem({ id: 'x'.repeat(257) }), 'id: the plan has an id of 257 characters: at most 256');
});

test('plan: one site in both roles → name two', (t) => {
  t.is(
    problem({ recoverySiteId: 'p' }),
    'recoverySiteId: site "p" is both protected and recovery: name two sites',
  );
});

test('plan: nothing protected → said so', (t) => {
  t.is(
    problem({ protectionGroups: [] }),
    'protectionGroups: the plan protects nothing: add a protection group',
  );
  t.is(
    problem({ protectionGroups: [{ id: 'pg', groups: [] }] }),
    'protectionGroups[0].groups: protection group "pg" has no consistency group: ' +
      'name at least one',
  );
});

test('plan: names used twice → each named', (t) => {
  t.is(
    problem({ protectionGroups: [protect([{ id: 'a' }]), protect([{ id: 'b' }])] }),
    'protectionGroups[1].id: two protection groups are called "pg": rename one',
  );
  t.is(
    problem({ protectionGroups: [protect([{ id: 'a' }, { id: 'a' }])] }),
    'protectionGroups[0].groups[1]: consistency group "a-d0p" of array "ap" is named twice: ' +
      'name it once',
  );
  t.is(
    withVm([vmOf('x'), vmOf('x')]),
    'protectionGroups[0].vms[1].id: VM "x" is twice in protection group "pg": keep it in one place',
  );
});

test('plan: a VM that waits for itself → remove it', (t) => {
  t.is(
    withVm([vmOf('x', 3, ['x'])]),
    'protectionGroups[0].vms[0].dependsOn: VM "x" waits for itself: remove it there',
  );
});

test('plan: priorities outside 1 to 5 → the range', (t) => {
  for (const priority of [0, 6, 1.5]) {
    t.is(
      withVm([vmOf('x', priority)]),
      `protectionGroups[0].vms[0].priority: VM "x" has priority ${priority}: give 1 (first) to 5`,
    );
  }
});

test('plan: options out of bounds → field and range', (t) => {
  const options = {
    ...defaultOptions,
    vmWorkgroupMax: 0,
    release: { kind: 'batch', size: 0 } as const,
    limits: { perArray: 0, perCompute: 1.5, perStep: { mount: 0, mout: 1 } },
  };
  t.is(
    problem({ options }),
    [
      'options.vmWorkgroupMax: 0: give a whole number from 1 to 1000',
      'options.release.size: 0: give a whole number from 1 to 10000',
      'options.limits.perArray: 0: give a whole number from 1 to 10000',
      'options.limits.perCompute: 1.5: give a whole number from 1 to 10000',
      'options.limits.perStep.mount: 0: give a whole number from 1 to 10000',
      'options.limits.perStep.mout: no step is called "mout"',
    ].join('\n'),
  );
});

test('plan: a policy for a step that is not there → the steps named', (t) => {
  t.regex(withPolicy('promote', stop()), /^policies\.promote: no step is called "promote": use/);
  t.regex(withPolicy('device-sync', stop()), /no step is called "device-sync"/);
  t.regex(withPolicy('constructor', stop()), /no step is called "constructor"/);
});

test('plan: a policy for a fault kind that is not there → the kinds named', (t) => {
  const rules = [{ kinds: ['broken' as 'busy'], do: stop() }];
  t.regex(
    problem({ policies: { sync: { rules, otherwise: stop() } } }),
    /^policies\.sync\.rules\[0\]\.kinds: no fault kind is called "broken": use one of busy, /,
  );
});

test('plan: reach item on a step over consistency groups → the reaches that work', (t) => {
  t.is(
    withPolicy('promote-target', stop('item')),
    'policies.promote-target.otherwise.reach: step promote-target works on consistency groups, ' +
      'which move whole: use the reach workgroup, protection-group or run',
  );
  t.is(withPolicy('register', stop('item')), '');
});

test('plan: ROLLBACK at and past each point of no return → refused; before it → accepted', (t) => {
  for (const step of ['power-on', 'verify', 'reverse', 'sync-back', 'remove-test-copy']) {
    t.regex(
      withPolicy(step, rollback('run')),
      /the point of no return: nothing can be rolled back/,
    );
  }
  t.regex(withPolicy('verify', rollback('run')), /step verify comes after power-on, the point of/);
  for (const step of ['sync', 'shut-down', 'demote-source', 'promote-target', 'register']) {
    t.is(withPolicy(step, rollback('run')), '');
  }
});

test('plan: attempts and delays out of bounds → field and range', (t) => {
  t.is(
    withPolicy('sync', rerun({ attemptsMax: 0, delayMsMin: 1, delayMsMax: 2 })),
    'policies.sync.otherwise.attemptsMax: 0 attempts: give a whole number from 1 to 100',
  );
  for (const [delayMsMin, delayMsMax] of [
    [5, 4],
    [-1, 4],
    [1, 3_600_001],
  ] as const) {
    t.is(
      withPolicy('sync', rerun({ attemptsMax: 1, delayMsMin, delayMsMax })),
      `policies.sync.otherwise.delayMsMax: delays from ${delayMsMin} to ${delayMsMax} ms: ` +
        'give whole numbers, ascending, from 0 to 3600000',
    );
  }
});
