/** A run that is not driven here: the request is passed on to the member that does. */
import { SiteswapError } from '../core/errors.ts';

export class RunElsewhere extends SiteswapError {
  readonly runId: string;

  constructor(runId: string) {
    super('RUN_UNAVAILABLE', `this member does not drive run ${runId}`, { subject: runId });
    this.runId = runId;
  }
}
