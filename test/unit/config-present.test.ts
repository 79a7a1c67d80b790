/** Arrays that are shown as something else: what of it the configuration takes. */
import test from 'ava';
import { ConfigError, parseConfig } from '../../daemon/config.ts';

const withArrays = (...arrays: readonly string[]): string =>
  [
    'site: a',
    'state: state',
    'sites: [{ id: a }, { id: b }]',
    'plugins: [{ id: p, module: p }]',
    'arrays:',
    ...arrays.map((fields) => `  - { plugin: p, ${fields} }`),
    'computes: [{ id: c, site: b, plugin: p }]',
    '',
  ].join('\n');

const a = 'id: a1, site: a';
const b = 'id: b1, site: b';
const file = '/etc/siteswap/siteswap.yaml';

const problemsOf = (text: string): string[] => {
  const error = (() => {
    try {
      parseConfig(text, file);
    } catch (error) {
      return error;
    }
  })();
  if (!(error instanceof ConfigError)) return [];
  return error.problems.map(
    ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
  );
};

for (const as of ['shared-as-stretched', 'pair-as-stretched'] as const) {
  test(`config: present ${as} at one array → told to it alone`, (t) => {
    const { remotes } = parseConfig(withArrays(`${a}, present: ${as}, peer: b1`, b), file);
    t.deepEqual(
      remotes.map(({ id, present }) => [id, present]),
      [
        ['a1', { as, peerArrayId: 'b1' }],
        ['b1', undefined],
        ['c', undefined],
      ],
    );
  });
}

const present = 'present: pair-as-stretched';

for (const [what, arrays, problem] of [
  ['of another word', [`${a}, present: mirror, peer: b1`, b], /^6:44 arrays\[0\]\.present: found/],
  ['without peer', [`${a}, ${present}`, b], /^6:.* arrays\[0\]\.present: "present" stands without/],
  ['peer alone', [`${a}, peer: b1`, b], /^6:.* arrays\[0\]\.peer: "peer" stands without "present"/],
  ['with nobody', [`${a}, ${present}, peer: b2`, b], /arrays\[0\]\.peer: no "b2" among the arrays/],
  ['with a compute', [`${a}, ${present}, peer: c`, b], /peer: no "c" among the arrays/],
  ['with itself', [`${a}, ${present}, peer: a1`, b], /peer: the array is named as its own peer/],
  [
    'with one of its site',
    [`${a}, ${present}, peer: a2`, 'id: a2, site: a'],
    /peer: "a2" stands at the same site/,
  ],
  [
    'said at both arrays',
    [`${a}, ${present}, peer: b1`, `${b}, ${present}, peer: a1`],
    /^7:.* arrays\[1\]\.present: "b1" has a part in the presentation of arrays\[0\] already/,
  ],
] as const) {
  test(`config: present, ${what} → refused at its line`, (t) => {
    const problems = problemsOf(withArrays(...arrays));
    t.is(problems.length, 1, problems.join('\n'));
    t.regex(problems[0] ?? '', problem);
  });
}

test('config: present at a compute → refused', (t) => {
  const text = withArrays(a, b).replace('site: b, plugin: p }]', 'site: b, plugin: p, peer: a1 }]');
  t.regex(problemsOf(text).join(), /computes\[0\]\.peer: unknown key "peer"/);
});
