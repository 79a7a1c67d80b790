/** One thing, one word: the glossary's "why not the other word", as far as code can show it. */
import { hold } from './_check.ts';
import { type Finding, matches } from './_source.ts';

interface Word {
  readonly not: RegExp;
  readonly but: string;
  readonly where: RegExp;
  readonly bad: string;
}

const everywhere = /^(daemon|sdk|plugins|bench|examples|test)\//;
const house = /^(daemon|sdk)\//;

const words: readonly Word[] = [
  {
    not: /\b(?:const|let)\s+array\b|\(\s*array\s*[:,)]/,
    but: 'a storage system in a variable is `storage`; a list is named by what is in it',
    where: everywhere,
    bad: 'const array = first;',
  },
  {
    not: /\b(?:const|let|class|interface|type|function)\s+\w*(?:[nN]ode|Nodes)\b/,
    but: 'one daemon of a cluster is a member; node is the runtime',
    where: /^daemon\//,
    bad: 'const thisNode = 1;',
  },
  {
    not: /\b(?:inject\w*[fF]ault\w*|[fF]ault[iI]njection\w*|faulty[A-Z]\w*)\b/,
    but: 'a failure made on purpose is an injection, never a fault',
    where: everywhere,
    bad: 'const faultInjection = 1;',
  },
  {
    not: /\b(?:lun|luns|volume|volumes)[A-Z]?\w*\b/,
    but: 'a logical storage device is a device, whatever its vendor calls it',
    where: house,
    bad: 'const luns = 1;',
  },
  {
    not: /\b(?:primary|secondary|dr|failover)Sites?(?:Id)?s?\b/,
    but: 'sites are protected and recovery',
    where: everywhere,
    bad: 'const primarySite = 1;',
  },
  {
    not: /\b(?:masters?|slaves?|blacklist|whitelist)\b/,
    but: 'say source and target, allowed and refused',
    where: everywhere,
    bad: 'const whitelist = 1;',
  },
  {
    not: /\b(?:consistencySet|recoveryPlan|replicationGroup)\w*\b/,
    but: 'the words are consistency group and plan',
    where: everywhere,
    bad: 'const recoveryPlan = 1;',
  },
];

for (const { not, but, where, bad } of words) {
  hold({
    name: `words: ${but}`,
    check: (file) => (where.test(file.path) ? matches(file, not, but) : []),
    bad: [{ path: 'daemon/core/x.ts', text: bad }],
    good: [{ path: 'daemon/core/x.ts', text: "const storage = 'array node lun';" }],
  });
}

const names = /(^|[/-])(nodes?|luns?|volumes?|utils?|helpers?|misc|common|manager)([-.]|$)/;

hold({
  name: 'words: a file is named by what it holds, in the words of the glossary',
  check: ({ path }): Finding[] => {
    const file = path.split('/').at(-1) ?? '';
    return house.test(path) && names.test(file)
      ? [{ path, line: 1, problem: 'name it by what it holds' }]
      : [];
  },
  bad: [
    { path: 'daemon/core/utils.ts', text: '' },
    { path: 'daemon/api/node-list.ts', text: '' },
  ],
  good: [{ path: 'daemon/core/ranges.ts', text: '' }],
});
