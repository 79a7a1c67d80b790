import test from 'ava';
import { actionOfText, planSchema } from '../../sdk/cli/plan/schema.ts';
import { formatProblems, parseYaml } from '../../sdk/yaml/index.ts';

const parse = (text: string) => parseYaml(text, planSchema, { file: 'plan.yaml' });

const problems = (text: string): string => {
  const result = parse(text);
  return 'problems' in result ? formatProblems(result.problems) : 'none';
};

const head = 'id: p\nprotectedSite: east\nrecoverySite: west\nprotectionGroups:\n';
const groups = '  - {id: g, groups: [a/cg-1]}\n';

test('plan file: short forms → exactly what the long forms say', (t) => {
  const result = parse(`${head}
  - id: databases
    groups: [array-a/cg-1, array-a/path/with/slashes]
    vms: [db-1, {id: app-1, priority: 2, dependsOn: [db-1]}]
policies:
  sync: continue
  promote-target:
    rules:
      - kinds: [busy]
        then: {rerun: {attemptsMax: 3}}
      - codes: [4711]
        then: {rollback: protection-group}
  power-on: {stop: item}
options: {release: {batch: 4}, limits: {perArray: 8}, liveMigration: true}
`);
  if ('problems' in result) return t.fail(formatProblems(result.problems));
  const { protectionGroups, policies, options } = result.value;
  t.deepEqual(protectionGroups[0]?.groups, [
    { arrayId: 'array-a', id: 'cg-1' },
    { arrayId: 'array-a', id: 'path/with/slashes' },
  ]);
  t.deepEqual(protectionGroups[0]?.vms, [
    { id: 'db-1', dependsOn: [] },
    { id: 'app-1', priority: 2, dependsOn: ['db-1'] },
  ]);
  t.deepEqual(policies, {
    sync: { rules: [], otherwise: { action: 'continue' } },
    'promote-target': {
      rules: [
        {
          kinds: ['busy'],
          // biome-ignore lint/suspicious/noThenProperty: the contract's word.
          then: { action: 'rerun', attemptsMax: 3, delayMsMin: 500, delayMsMax: 30_000 },
        },
        // biome-ignore lint/suspicious/noThenProperty: the contract's word.
        { codes: ['4711'], then: { action: 'rollback', reach: 'protection-group' } },
      ],
      otherwise: { action: 'stop', reach: 'workgroup' },
    },
    'power-on': { rules: [], otherwise: { action: 'stop', reach: 'item' } },
  });
  t.deepEqual(options, {
    release: { batch: 4 },
    limits: { perArray: 8, perStep: {} },
    liveMigration: true,
  });
});

test('plan file: a group without its array → its line and the right form', (t) => {
  t.is(
    problems(`${head}  - id: g\n    groups:\n      - cg-1\n`),
    [
      'plan.yaml:7:9: protectionGroups[0].groups[0]: found "cg-1"',
      '  expected ARRAY/GROUP: a consistency group, or a lone device, by its id at either array',
    ].join('\n'),
  );
});

test('plan file: a mistyped fault kind deep in a policy → its line and the likely word', (t) => {
  const text = `${head}${groups}policies:
  sync:
    rules:
      - kinds: [bussy]
        then: stop
`;
  t.regex(
    problems(text),
    /^plan\.yaml:9:17: policies\.sync\.rules\[0\]\.kinds\[0\]: found "bussy"/,
  );
  t.regex(problems(text), /did you mean "busy"\?\n {2}expected one of busy, unreachable/);
});

test('plan file: wrong policies → the place that is wrong, not the whole union', (t) => {
  const policy = (text: string) => problems(`${head}${groups}policies:\n  sync: ${text}\n`);
  t.regex(policy('{rollback: all}'), /^plan\.yaml:7:20: policies\.sync\.rollback: found "all"/);
  t.regex(policy('{rerun: {attemptsMax: 0}}'), /policies\.sync\.rerun\.attemptsMax: found 0/);
  t.regex(policy('{otherwize: stop}'), /unknown key "otherwize"\n {2}did you mean "otherwise"\?/);
  t.regex(policy('rollback'), /found "rollback"\n {2}expected \{rules: .*or one action/);
  t.regex(
    policy('{rerun: {attemptsMax: 2, delayMsMin: 9, delayMsMax: 1}}'),
    /delayMsMin 9 is larger than delayMsMax 1$/m,
  );
});

test('plan file: the same site twice, an empty file, a priority out of bounds → told apart', (t) => {
  t.regex(
    problems(`id: p\nprotectedSite: a\nrecoverySite: a\nprotectionGroups:\n${groups}`),
    /^plan\.yaml:3:15: recoverySite: the recovery site is the protected site$/,
  );
  t.regex(problems(''), /found nothing/);
  t.regex(
    problems(`${head}  - {id: g, groups: [a/b], vms: [{id: x, priority: 6}]}\n`),
    /vms\[0\]\.priority: found 6\n {2}expected a whole number from 1 to 5/,
  );
});

test('--policy: every text form of an action → the action; anything else → none', (t) => {
  t.deepEqual(actionOfText('stop'), { action: 'stop', reach: 'workgroup' });
  t.deepEqual(actionOfText('stop:item'), { action: 'stop', reach: 'item' });
  t.deepEqual(actionOfText('rollback:run'), { action: 'rollback', reach: 'run' });
  t.deepEqual(actionOfText('continue'), { action: 'continue' });
  t.deepEqual(actionOfText('rerun:2:10:20'), {
    action: 'rerun',
    attemptsMax: 2,
    delayMsMin: 10,
    delayMsMax: 20,
  });
  for (const wrong of ['rollback', 'stop:all', 'rerun:no', 'halt', '']) {
    t.true('problem' in actionOfText(wrong), wrong);
  }
});

test('--policy: bounds of a rerun that do not fit → what is wrong with them', (t) => {
  t.deepEqual(actionOfText('rerun:3:900:100'), {
    problem: 'rerun:3:900:100: delayMsMin 900 is larger than delayMsMax 100',
  });
  t.deepEqual(actionOfText('rerun:3:60000'), {
    problem:
      'rerun:3:60000: delayMsMin 60000 is larger than delayMsMax 30000, which it is unless written',
  });
  t.deepEqual(actionOfText('rerun:0'), {
    problem: 'rerun:0: attemptsMax: expected a whole number from 1 to 100',
  });
  t.deepEqual(actionOfText('halt'), { problem: 'halt is not an action' });
});
