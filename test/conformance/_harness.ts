/**
 * The conformance suite as ava tests, one per claim. The test names what it expects to be skipped:
 * a capability that got lost by accident fails here instead of passing by silence.
 */
import test from 'ava';
import { conformanceClaims, type Fixture } from '../../sdk/conformance/index.ts';

export interface Expected {
  readonly fixture: () => Fixture | Promise<Fixture>;
  /** Lacks that are known and right, as the suite words them: `verb migrateLive`, `hook write`. */
  readonly lacks?: readonly string[];
}

/**
 * Registers the claims; await it at the top level of the test file. Verbs that do not
 * answer `accepted` are no lack: most have no reason to.
 */
export const conformance = async (expected: Expected): Promise<void> => {
  const fixture = await expected.fixture();
  const lacks = new Set(expected.lacks);
  const found = new Set<string>();
  for (const claim of await conformanceClaims(fixture.plugin)) {
    const missing = claim.missing(fixture);
    for (const lack of missing.filter((text) => !text.startsWith('accepted '))) found.add(lack);
    if (missing.length > 0) continue;
    test.serial(claim.title, async (t) => {
      await claim.run(fixture);
      t.pass();
    });
  }
  test('claims are skipped for no other lack than the known ones', (t) => {
    t.deepEqual([...found].sort(), [...lacks].sort());
  });
  test.after.always(async () => fixture.close?.());
};
