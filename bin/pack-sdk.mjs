/**
 * Packs `@siteswap/sdk` as its users install it. In the workspace the package's `dist` is a link to
 * the one compiled tree, which `npm pack` would not follow; so the files are staged first.
 *
 * Usage: pack-sdk [DIRECTORY]   leaves the tarball in DIRECTORY (default: here), prints its path
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = resolve(process.argv[2] ?? '.');

/** Exports without the condition that leads to the sources, which are not packed. */
const published = ({ exports, ...manifest }) => ({
  ...manifest,
  files: ['dist', 'bin'],
  exports: Object.fromEntries(
    Object.entries(exports).map(([name, { default: file }]) => [
      name,
      { types: file.replace(/\.js$/, '.d.ts'), default: file },
    ]),
  ),
});

const stage = (directory) => {
  const manifest = JSON.parse(readFileSync(join(root, 'sdk/package.json'), 'utf8'));
  writeFileSync(join(directory, 'package.json'), JSON.stringify(published(manifest), null, 2));
  for (const [from, to] of [
    ['sdk/README.md', 'README.md'],
    ['LICENSE', 'LICENSE'],
    ['sdk/bin', 'bin'],
  ]) {
    if (existsSync(join(root, from)))
      cpSync(join(root, from), join(directory, to), { recursive: true });
  }
  for (const folder of ['dist/sdk', 'dist/proto']) {
    cpSync(join(root, folder), join(directory, folder), {
      recursive: true,
      filter: (file) => !/\.map$|baseline\.binpb$/.test(file),
    });
  }
};

const staging = mkdtempSync(join(tmpdir(), 'siteswap-pack-'));
try {
  stage(staging);
  const args = ['pack', '--silent', '--pack-destination', target];
  const name = execFileSync('npm', args, { cwd: staging, encoding: 'utf8' }).trim();
  console.log(join(target, name));
} finally {
  rmSync(staging, { recursive: true });
}
