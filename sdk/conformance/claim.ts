/** What a claim is: one promise that a plugin keeps or breaks, with what it takes to find out. */
import type { Need } from './needs.ts';
import type { World } from './world.ts';

export interface ClaimDefinition {
  readonly title: string;
  readonly needs: readonly Need[];
  /** True: works on the remotes, so it starts and ends in the fixture's starting state. */
  readonly touches: boolean;
  /** Throws ClaimFailure when the plugin breaks the claim. */
  readonly check: (world: World) => Promise<void>;
}

/** A claim that changes nothing at the remotes. */
export const looking = (
  title: string,
  needs: readonly Need[],
  check: ClaimDefinition['check'],
): ClaimDefinition => ({ title, needs, check, touches: false });

/** A claim that works on the fixture's objects, and is followed by the way back. */
export const touching = (
  title: string,
  needs: readonly Need[],
  check: ClaimDefinition['check'],
): ClaimDefinition => ({ title, needs, check, touches: true });
