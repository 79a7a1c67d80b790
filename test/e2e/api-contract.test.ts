/**
 * The contract as files: linted, generated without a difference, and compatible with its baseline.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { repoRoot } from '../_support/root.ts';
import { tempDir } from '../_support/temp.ts';

const bin = join(repoRoot, 'node_modules/.bin');
const buf = (...args: readonly string[]) =>
  promisify(execFile)(join(bin, 'buf'), args, {
    cwd: repoRoot,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .sort();

test('contract: lints, and breaks nothing of its baseline', async (t) => {
  await t.notThrowsAsync(buf('lint'));
  await t.notThrowsAsync(buf('breaking', '--against', 'proto/baseline.binpb'));
});

test('contract: the generated code and the image are those of the files', async (t) => {
  const out = await tempDir(t);
  await buf('generate', '-o', out);
  const made = join(out, 'proto/gen');
  const kept = join(repoRoot, 'proto/gen');
  const image = join(made, 'siteswap.binpb');
  await buf('build', '-o', image, '--as-file-descriptor-set', '--exclude-source-info');
  await promisify(execFile)(process.execPath, [join(repoRoot, 'bin/after-gen.mjs'), made]);
  t.deepEqual(filesOf(made), filesOf(kept), 'run `npm run gen`');
  for (const file of filesOf(made)) {
    const same = readFileSync(join(made, file), 'utf8') === readFileSync(join(kept, file), 'utf8');
    t.true(same, `${file}: run \`npm run gen\``);
  }
  t.true(readFileSync(image).equals(readFileSync(join(kept, 'siteswap.binpb'))));
});
