/**
 * The pages tell the truth as far as a machine can see: links lead somewhere, snippets compile,
 * configurations load, and every `npm run` that is named is there.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { parseConfig } from '../../daemon/config.ts';
import { planSchema } from '../../sdk/cli/plan/schema.ts';
import { parseYaml } from '../../sdk/yaml/index.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));

const pagesIn = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !path.includes('node_modules') && !path.includes('/dist/'));

const pages = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].map((name) => join(root, name)),
  ...['docs', 'examples', 'plugins', 'proto', 'sdk'].flatMap(pagesIn),
].map((path) => ({ path, name: path.slice(root.length), text: readFileSync(path, 'utf8') }));

interface Block {
  readonly name: string;
  readonly code: string;
}

const blocks = (language: string, only: (name: string) => boolean): Block[] =>
  pages
    .filter(({ name }) => only(name))
    .flatMap(({ name, text }) =>
      [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
        (match, index) => ({ name: `${name} #${index + 1}`, code: match[1] ?? '' }),
      ),
    );

const anywhere = () => true;

test('docs: every link leads to a file or folder that is there', (t) => {
  const broken = pages.flatMap(({ path, name, text }) =>
    [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)]
      .map((match) => match[1] ?? '')
      .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(dirname(path), link)))
      .map((link) => `${name}: ${link}`),
  );
  t.deepEqual(broken, []);
});

test('docs: every `npm run` that a page names is a script', (t) => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const unknown = pages.flatMap(({ name, text }) =>
    [...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)]
      .map((match) => match[1] ?? '')
      .filter((script) => !(script in scripts))
      .map((script) => `${name}: npm run ${script}`),
  );
  t.deepEqual(unknown, []);
});

test('docs: every configuration that a page shows is one, and every plan', (t) => {
  const shown = blocks('yaml', anywhere);
  // As whoever follows the page has set it.
  const env = { SITESWAP_DATABASE: 'postgres://db.example/siteswap', ...process.env };
  for (const { name, code } of shown.filter(({ code }) => code.startsWith('# siteswap.yaml'))) {
    t.notThrows(() => parseConfig(code, join(root, 'siteswap.yaml'), {}, env), name);
  }
  const parts = shown.filter(({ code }) => code.startsWith('# in siteswap.yaml'));
  for (const { name, code } of parts) {
    const page = name.split(' ')[0] ?? '';
    const whole = shown.find((block) => block.name.startsWith(page))?.code ?? '';
    const file = join(root, 'siteswap.yaml');
    t.notThrows(() => parseConfig(`${whole}${code}`, file, {}, env), name);
  }
  for (const { name, code } of shown.filter(({ code }) => /^protectionGroups:/m.test(code))) {
    t.true('value' in parseYaml(code, planSchema, { file: name }), name);
  }
  t.true(shown.length > 2);
});

/** Pages whose snippets are whole modules; those of other READMEs are excerpts. */
const wholeModules = (name: string) => /^(README\.md|docs\/|sdk\/README\.md)/.test(name);

test('docs: every TypeScript snippet of the guides compiles as it stands', async (t) => {
  const folder = join(root, 'dist/.snippets');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const acme = new URL('../../../examples/first-plugin/acme.ts', import.meta.url);
  writeFileSync(join(folder, 'acme.ts'), readFileSync(acme));
  const snippets = blocks('ts', wholeModules);
  snippets.forEach(({ name, code }, index) => {
    writeFileSync(join(folder, `snippet-${index}.ts`), `// ${name}\n${code}\nexport {};\n`);
  });
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: true,
      incremental: false,
      rootDir: root,
      allowImportingTsExtensions: true,
      noUnusedLocals: false,
      noUnusedParameters: false,
    },
    include: ['*.ts'],
    exclude: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const result = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
    (error: { stdout: string }) => error,
  );
  t.is(result.stdout, '');
  t.true(snippets.length > 5);
});
