import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { withSources } from '../../daemon/stack.ts';
import { tempDir } from '../_support/temp.ts';

/** In the bundle of each test, line 7 column 1 and what follows is line 3 column 1 of a source. */
const map = { version: 3, sources: ['../../daemon/log.ts'], names: [], mappings: ';;;;;;AAEA' };

const stackIn = (file: string): string =>
  `Error: no\n    at open (${file}:7:5)\n    at ${file}:7:1`;

test('stack: places in a bundle with its map → the sources’', async (t) => {
  const dir = await tempDir(t);
  const url = (path: string) => pathToFileURL(join(dir, path)).href;
  await writeFile(join(dir, 'main.bundle.js.map'), JSON.stringify({ ...map, sources: ['log.ts'] }));
  const source = `${url('log.ts')}:3:1`;
  t.is(
    withSources(stackIn(url('main.bundle.js'))),
    `Error: no\n    at open (${source})\n    at ${source}`,
  );
});

test('stack: without a map, with a damaged one, or outside a bundle → as it was', async (t) => {
  const dir = await tempDir(t);
  const url = (path: string) => pathToFileURL(join(dir, path)).href;
  await writeFile(join(dir, 'damaged.bundle.js.map'), '{');
  await writeFile(join(dir, 'log.js.map'), JSON.stringify(map));
  for (const file of ['none.bundle.js', 'damaged.bundle.js', 'log.js']) {
    t.is(withSources(stackIn(url(file))), stackIn(url(file)));
  }
});

test('stack: a place that the map does not know → as it was', async (t) => {
  const dir = await tempDir(t);
  const file = pathToFileURL(join(dir, 'main.bundle.js')).href;
  await writeFile(join(dir, 'main.bundle.js.map'), JSON.stringify(map));
  t.is(withSources(`at ${file}:2:1`), `at ${file}:2:1`);
});
