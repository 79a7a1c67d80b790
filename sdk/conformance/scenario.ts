/**
 * A scenario brings one changing verb to a place where it has something to do, and knows how its
 * effect looks from outside. The claims about every verb (works, repeated, settled, cancelled …)
 * are written once, over scenarios.
 */
import type { TargetVerb } from '../plugin/index.ts';
import type { Side } from './fixture.ts';
import type { Need } from './needs.ts';
import type { Remote } from './remote.ts';
import type { Target } from './session.ts';
import type { World } from './world.ts';

export interface Scenario {
  /** The verb, with what tells two scenarios of one verb apart: `failover (forced)`. */
  readonly name: string;
  readonly verb: TargetVerb;
  readonly kind: 'array' | 'compute';
  readonly side: Side;
  /** What one sees afterwards, for the claim's title. */
  readonly effect: string;
  /** What it needs beside the verb itself. */
  readonly needs: readonly Need[];
  /** From the starting state to where the verb has something to do. */
  readonly arrange: (world: World) => Promise<void>;
  readonly targets: (world: World) => readonly Target[];
  readonly args?: (world: World) => object;
  /** Whether the effect is there for a target; false before the call, true after it. */
  readonly has?: (world: World, targetId: string) => Promise<boolean>;
  /** Text that changes when the effect happens a second time. */
  readonly identity?: (world: World, targetId: string) => Promise<string>;
}

export const remoteOf = (world: World, scenario: Scenario): Remote =>
  world.remote(scenario.kind, scenario.side);

export const argsOf = (world: World, scenario: Scenario): object => scenario.args?.(world) ?? {};
