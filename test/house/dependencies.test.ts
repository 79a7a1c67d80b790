/** Every dependency is pinned, explained, declared where it is imported, and used. */
import test from 'ava';
import { importsOf } from './_imports.ts';
import { allPaths, read, sources } from './_source.ts';

interface Package {
  readonly path: string;
  readonly name: string;
  readonly version?: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const packages: readonly Package[] = allPaths
  .filter((path) => /(^|\/)package\.json$/.test(path))
  .map((path) => ({ ...(JSON.parse(read(path)) as Omit<Package, 'path'>), path }));

test('house: the command, the daemon and every package have one version', (t) => {
  const written = /version = '([^']+)'/;
  const versions = new Map(
    ['sdk/cli/version.ts', 'daemon/version.ts'].map((path) => [
      path,
      written.exec(read(path))?.[1],
    ]),
  );
  for (const { path, version } of packages) versions.set(path, version);
  const [ours] = versions.values();
  t.deepEqual(
    [...versions].filter(([, version]) => version !== ours),
    [],
  );
});

const dependenciesOf = (one: Package): readonly (readonly [string, string])[] =>
  Object.entries({ ...one.dependencies, ...one.devDependencies, ...one.optionalDependencies });

const isExact = (version: string): boolean => /^\d+\.\d+\.\d+$/.test(version);

const unpinned = (all: readonly Package[]): string[] =>
  all.flatMap((one) =>
    dependenciesOf(one)
      .filter(([, version]) => !isExact(version))
      .map(([name, version]) => `${one.path}: ${name} ${version}`),
  );

const unexplained = (all: readonly Package[], page: string): string[] =>
  all.flatMap((one) =>
    dependenciesOf(one)
      .filter(([name]) => !name.startsWith('@siteswap/') && !page.includes(`| \`${name}\` |`))
      .map(([name]) => `${one.path}: ${name} has no line in docs/dependencies.md`),
  );

const planted: Package = { path: 'x/package.json', name: 'x', dependencies: { left: '^1.0.0' } };

test('house: every dependency is pinned exactly', (t) => {
  t.deepEqual(unpinned(packages), []);
  t.deepEqual(unpinned([planted]), ['x/package.json: left ^1.0.0']);
});

test('house: every dependency is explained in docs/dependencies.md, and no other', (t) => {
  const page = read('docs/dependencies.md');
  t.deepEqual(unexplained(packages, page), []);
  t.is(unexplained([planted], page).length, 1);
  const known = new Set(packages.flatMap((one) => dependenciesOf(one).map(([name]) => name)));
  const listed = [...page.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name ?? '');
  t.deepEqual(
    listed.filter((name) => !known.has(name)),
    [],
  );
});

/** Generated code ships inside both packages that speak the contract. */
const generated = ['sdk', 'daemon'];

/** Package name → folders that import it. */
const importers = (): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>([
    ['@bufbuild/protobuf', new Set(generated)],
    ['@grpc/grpc-js', new Set(generated)],
  ]);
  for (const file of sources()) {
    for (const { from } of importsOf(file)) {
      if (/^(node:|\/)/.test(from)) continue;
      const kit = /^(\.\.\/)+sdk\//.test(from) && file.path.startsWith('daemon/');
      if (from.startsWith('.') && !kit) continue;
      const name = kit ? '@siteswap/sdk' : (/^(@[^/]+\/[^/]+|[^/]+)/.exec(from)?.[0] ?? from);
      const folder = /^(plugins\/[^/]+|[^/]+)/.exec(file.path)?.[0] ?? '';
      found.set(name, (found.get(name) ?? new Set()).add(folder));
    }
  }
  return found;
};

const folderOf = (one: Package): string => one.path.replace(/\/?package\.json$/, '');

/** Tools are used by name in scripts and configurations, or by npm itself. */
const usedByTools = (name: string): boolean => {
  const configs = [
    'package.json',
    'buf.gen.yaml',
    'biome.json',
    'bin/bundle.mjs',
    'bin/siteswap',
    'ava.config.js',
  ];
  const bin: Readonly<Record<string, string>> = {
    typescript: 'tsc',
    '@biomejs/biome': 'biome',
    '@bufbuild/buf': 'buf',
    'ts-proto': 'ts_proto',
  };
  const texts = configs.map((path) =>
    path === 'package.json'
      ? JSON.stringify(packages.find((one) => one.path === path)?.scripts)
      : read(path),
  );
  const word = bin[name] ?? name;
  return (
    name.startsWith('@types/') ||
    name.startsWith('node-linux-') ||
    texts.some((text) => text.includes(word))
  );
};

test('house: every dependency is used by the workspace that declares it', (t) => {
  const used = importers();
  const unused = packages.flatMap((one) =>
    dependenciesOf(one)
      .map(([name]) => name)
      .filter((name) => {
        const folders = used.get(name) ?? new Set();
        const folder = folderOf(one);
        return folder === '' ? folders.size === 0 && !usedByTools(name) : !folders.has(folder);
      })
      .map((name) => `${one.path}: ${name} is not imported there`),
  );
  t.deepEqual(unused, []);
});

test('house: every imported package is declared by the workspace that imports it', (t) => {
  const used = [...importers()];
  const undeclared = packages.flatMap((one) => {
    const folder = folderOf(one);
    if (folder === '') return [];
    const declared = new Set(dependenciesOf(one).map(([name]) => name));
    return used
      .filter(([name, folders]) => folders.has(folder) && !declared.has(name) && name !== one.name)
      .map(([name]) => `${one.path}: ${name} is imported and not declared`);
  });
  t.deepEqual(undeclared, []);
});
