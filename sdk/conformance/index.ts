/**
 * The conformance suite: what any plugin must keep, checked against a vendor's own remotes. Run it
 * with `siteswap-conformance <fixture module>`, or iterate the claims inside any test runner.
 */
import type { PluginDefinition } from '../plugin/index.ts';
import type { ClaimDefinition } from './claim.ts';
import { failoverClaims } from './claims/failovers.ts';
import { faultClaims } from './claims/faults.ts';
import { listingClaims } from './claims/listings.ts';
import { moveClaims } from './claims/moves.ts';
import { propertyClaims } from './claims/properties.ts';
import { repairClaims } from './claims/repairs.ts';
import { revisionClaims } from './claims/revisions.ts';
import { sessionClaims } from './claims/sessions.ts';
import { sharedClaims } from './claims/shared.ts';
import { stateClaims } from './claims/states.ts';
import { stretchedClaims } from './claims/stretched.ts';
import { verbClaims } from './claims/verbs.ts';
import { doing } from './doing.ts';
import { ClaimFailure } from './failure.ts';
import type { Fixture } from './fixture.ts';
import { missing, type Need } from './needs.ts';
import { loadPlugin } from './plugin.ts';
import { World } from './world.ts';

export { ClaimFailure } from './failure.ts';
export type * from './fixture.ts';
export type { Need } from './needs.ts';

/** One promise of the contract, bound to a plugin. */
export interface Claim {
  readonly title: string;
  readonly needs: readonly Need[];
  /** What the plugin or the fixture lacks for it, in words; empty: it can run. */
  readonly missing: (fixture: Fixture) => readonly string[];
  /** Rejects with ClaimFailure when the plugin breaks the claim. Run one at a time. */
  readonly run: (fixture: Fixture) => Promise<void>;
}

const allClaims: readonly ClaimDefinition[] = [
  ...sessionClaims,
  ...listingClaims,
  ...revisionClaims,
  ...verbClaims,
  ...stateClaims,
  ...propertyClaims,
  ...failoverClaims,
  ...stretchedClaims,
  ...sharedClaims,
  ...repairClaims,
  ...moveClaims,
  ...faultClaims,
];

const runClaim = async (
  definition: PluginDefinition,
  claim: ClaimDefinition,
  fixture: Fixture,
): Promise<void> => {
  const world = new World(definition, fixture);
  try {
    if (claim.touches) await world.checkStart();
    await claim.check(world);
  } finally {
    try {
      if (claim.touches) await world.restore();
    } finally {
      await world.forgetSessions();
    }
  }
};

/** The claims for one plugin: a definition, or the module that exports one by default. */
export const conformanceClaims = async (plugin: object | string): Promise<readonly Claim[]> => {
  const definition = await loadPlugin(plugin);
  return allClaims.map((claim) => ({
    title: claim.title,
    needs: claim.needs,
    missing: (fixture) => missing(claim.needs, definition, fixture),
    run: (fixture) => runClaim(definition, claim, fixture),
  }));
};

/** What became of one claim. */
export type Result =
  | { readonly title: string; readonly outcome: 'passed' }
  | { readonly title: string; readonly outcome: 'failed'; readonly why: string }
  | { readonly title: string; readonly outcome: 'skipped'; readonly missing: readonly string[] };

const resultOf = async (claim: Claim, fixture: Fixture): Promise<Result> => {
  const { title } = claim;
  const lacks = claim.missing(fixture);
  if (lacks.length > 0) return { title, outcome: 'skipped', missing: lacks };
  doing({ claim: title });
  try {
    await claim.run(fixture);
    return { title, outcome: 'passed' };
  } catch (error) {
    const why = error instanceof ClaimFailure ? error.message : String((error as Error).stack);
    return { title, outcome: 'failed', why };
  }
};

/** Runs every claim, one at a time, and the fixture's `close` after the last. */
export async function* runConformance(fixture: Fixture): AsyncGenerator<Result> {
  const { silentMsMax } = fixture.bounds ?? {};
  if (silentMsMax !== undefined) doing({ silentMsMax });
  try {
    for (const claim of await conformanceClaims(fixture.plugin)) {
      yield await resultOf(claim, fixture);
    }
  } finally {
    await fixture.close?.();
  }
}
