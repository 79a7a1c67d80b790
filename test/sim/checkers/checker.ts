/**
 * What a checker is: it is shown each moment of a simulation when it has just happened, may look at
 * the far end, and says what must not be. It knows nothing of the engine but what it journaled.
 */
import type { Lab } from '../../../plugins/lab/lab.ts';
import type { Moment, SimLicence } from '../history.ts';
import type { Scenario } from '../scenario.ts';

export interface Scene {
  readonly scenario: Scenario;
  /** The far end, as it is at this moment. */
  readonly lab: Lab;
  /** Who drives a run, where daemons share a database. */
  readonly licenceOf?: (runId: string) => SimLicence | undefined;
}

/** Answers what is wrong at this moment, if anything is. */
export type Watch = (moment: Moment) => string | undefined;

export type Checker = (scene: Scene) => Watch;
