/** The page of the matrix is what the engine does, and no cell of it is empty. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { listingVerbs, targetVerbs } from '../../sdk/plugin/verbs.ts';
import { repoRoot } from '../_support/root.ts';
import { matrixPage, uncalled } from './matrix.ts';
import { notCalled } from './matrix-alone.ts';

test('matrix: every verb × fault × policy does what docs/injection-matrix.md says', async (t) => {
  t.timeout(600_000);
  const page = readFileSync(join(repoRoot, 'docs/injection-matrix.md'), 'utf8');
  const found = await matrixPage();
  t.is(found, page, 'run `npm run gen:docs`');
  const cells = found.split('\n').filter((row) => row.startsWith('|'));
  t.true(cells.length > 300);
  // Empty is also what the run of the row never came to.
  t.deepEqual(
    cells.filter((row) => /\|\s*\|/.test(row) || row.includes(notCalled)),
    [],
  );
});

test('matrix: every verb has a table of its own, or is never called by the engine', (t) => {
  const page = readFileSync(join(repoRoot, 'docs/injection-matrix.md'), 'utf8');
  const never = uncalled();
  t.deepEqual(never, [
    'recoveryPoints',
    'snapshot',
    'suspendReplication',
    'resumeReplication',
    'listFiles',
  ]);
  const called = targetVerbs.filter((verb) => !never.includes(verb));
  t.deepEqual(
    called.filter((verb) => !page.includes(`\n## \`${verb}\`\n`)),
    [],
  );
  const [, listings = ''] = page.split('\n## Listings\n');
  t.true(listings.includes(`| fault | ${listingVerbs.join(' | ')} |`));
});
