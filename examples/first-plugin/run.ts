/** Runs the conformance suite against the plugin, and shows what was claimed and kept. */
import { runConformance } from '@siteswap/sdk/conformance';
import fixture from './fixture.ts';

const counts = { passed: 0, failed: 0, skipped: 0 };
for await (const result of runConformance(fixture)) {
  counts[result.outcome] += 1;
  if (result.outcome === 'passed') console.log(`✔ ${result.title}`);
  if (result.outcome === 'failed') console.log(`✗ ${result.title}\n  ${result.why}`);
}
const { passed, failed, skipped } = counts;
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped: not offered by this plugin`);
process.exitCode = failed === 0 ? 0 : 1;
