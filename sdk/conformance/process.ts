/**
 * `siteswap-conformance <fixture module>`: the suite against one fixture, a line for each claim. It
 * runs below `main.ts`, which hears of it as long as the event loop turns.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { watchDoing } from './doing.ts';
import type { Fixture, FixtureModule } from './fixture.ts';
import { type Result, runConformance } from './index.ts';
import { beatMs } from './limits.ts';

const usage = `Usage: siteswap-conformance <fixture module> [--quiet]

--quiet: claims that are skipped are only counted.

The module's default export is a Fixture, or a function that makes one
(see docs/plugin-authors.md, "Prove it"). Exit code: 0 all claims that
could run passed, 1 some failed, 2 the fixture could not be used.`;

const load = async (path: string): Promise<Fixture> => {
  const url = pathToFileURL(resolve(path)).href;
  const module = (await import(url)) as { readonly default?: FixtureModule };
  if (module.default === undefined) throw new Error(`${path} has no default export`);
  const made = typeof module.default === 'function' ? await module.default() : module.default;
  const fields: object = Object(made);
  if ('plugin' in fields) return made;
  const what = 'verbs' in fields ? 'is a plugin' : 'names no plugin';
  throw new Error(`${path} ${what}: expected a fixture, which has it as \`plugin\` (see --help)`);
};

const lineOf = (result: Result): string => {
  if (result.outcome === 'passed') return `passed   ${result.title}`;
  if (result.outcome === 'failed') return `FAILED   ${result.title}\n         ${result.why}`;
  return `skipped  ${result.title}\n         needs ${result.missing.join(', ')}`;
};

const main = async (words: readonly string[]): Promise<number> => {
  const quiet = words.includes('--quiet');
  const [path] = words.filter((word) => word !== '--quiet');
  if (path === undefined || path === '--help') {
    process.stdout.write(`${usage}\n`);
    return path === undefined ? 2 : 0;
  }
  const counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    for await (const result of runConformance(await load(path))) {
      counts[result.outcome]++;
      if (quiet && result.outcome === 'skipped') continue;
      process.stdout.write(`${lineOf(result)}\n`);
    }
  } catch (error) {
    process.stderr.write(`siteswap-conformance: ${(error as Error).message}\n`);
    return 2;
  }
  const { passed, failed, skipped } = counts;
  process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return failed === 0 ? 0 : 1;
};

watchDoing((news) => process.send?.(news));
setInterval(() => process.send?.({}), beatMs).unref();
process.exitCode = await main(process.argv.slice(2));
