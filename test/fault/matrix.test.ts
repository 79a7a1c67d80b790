/** The page of the matrix is what the engine does, and no cell of it is empty. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { repoRoot } from '../_support/root.ts';
import { matrixPage } from './matrix.ts';

test('matrix: every verb × fault × policy does what docs/injection-matrix.md says', async (t) => {
  t.timeout(600_000);
  const page = readFileSync(join(repoRoot, 'docs/injection-matrix.md'), 'utf8');
  const found = await matrixPage();
  t.is(found, page, 'run `npm run gen:docs`');
  const cells = found.split('\n').filter((row) => row.startsWith('|'));
  t.true(cells.length > 300);
  t.deepEqual(
    cells.filter((row) => /\|\s*\|/.test(row)),
    [],
  );
});
