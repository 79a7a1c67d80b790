/** Which file the launcher starts; that it works is what every other test here shows. */
import { execFile } from 'node:child_process';
import { cp, mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { tempDir } from '../_support/temp.ts';

const launcher = fileURLToPath(new URL('../../../bin/siteswap', import.meta.url));

/** What starts where `dist/` has these files, each a second younger than the one before. */
const startsIn = async (t: ExecutionContext, files: readonly string[]): Promise<string> => {
  const root = await tempDir(t);
  for (const path of ['bin', 'dist/daemon', 'node_modules/.bin']) {
    await mkdir(join(root, path), { recursive: true });
  }
  await cp(launcher, join(root, 'bin/siteswap'));
  const node = '#!/bin/sh\necho "$@"\n';
  await writeFile(join(root, 'node_modules/.bin/node'), node, { mode: 0o755 });
  for (const [age, file] of files.entries()) {
    await writeFile(join(root, 'dist', file), '');
    await utimes(join(root, 'dist', file), age, age);
  }
  const { stdout } = await promisify(execFile)(join(root, 'bin/siteswap'), ['daemon', '--config']);
  return /dist\/(\S+)/.exec(stdout)?.[1] ?? '';
};

const bundle = 'daemon/main.bundle.js';

test('launcher: a bundle of the last compilation → is what starts', async (t) => {
  t.is(await startsIn(t, ['.tsbuildinfo', bundle]), bundle);
});

test('launcher: compiled again without a new bundle → the compiled tree starts', async (t) => {
  t.is(await startsIn(t, [bundle, '.tsbuildinfo']), 'daemon/main.js');
});

test('launcher: no bundle → the compiled tree starts', async (t) => {
  t.is(await startsIn(t, ['.tsbuildinfo']), 'daemon/main.js');
});
