/** What a person decides for a run that is open: it goes on, or it is to stop. */

import type { Clock } from '../core/clock.ts';
import { decisionsFor } from '../core/engine/view.ts';
import type { Entry } from '../core/entries.ts';
import { SiteswapError } from '../core/errors.ts';
import { checkPolicies, planSteps } from '../planner/check-policies.ts';
import { Findings } from '../planner/findings.ts';
import type { Agent } from './agent.ts';
import type { Catalog } from './catalog.ts';
import { RunElsewhere } from './elsewhere.ts';
import { refusal } from './refusals.ts';
import type { Runs } from './runs.ts';
import type { CancelRequest, ResumeRequest } from './service.ts';

interface SteeringParts {
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly runs: Runs;
}

export class Steering {
  readonly #parts: SteeringParts;

  constructor(parts: SteeringParts) {
    this.#parts = parts;
  }

  async resume(runId: string, request: ResumeRequest): Promise<void> {
    if (await this.#isDone(runId, request)) return;
    const { catalog, clock } = this.#parts;
    const agent = await this.#openAgent(runId);
    const { state } = agent;
    // Another member may have read that it is parked before this one hears that it has landed.
    if (state.parked === undefined && !catalog.held) await agent.landed();
    if (state.parked === undefined) {
      const message = `run ${runId} is not parked: it is running`;
      throw new SiteswapError('RUN_NOT_PARKED', message, { subject: runId });
    }
    if (!decisionsFor(state).includes(request.decision)) {
      const allowed = decisionsFor(state).join(', ');
      const message =
        `run ${runId} cannot be resumed with ${request.decision}: ` +
        `its decisions are ${allowed}`;
      const hint =
        'A step that cannot be undone has begun, or a site is lost: finish, then fail back.';
      throw new SiteswapError('DECISION_REFUSED', message, { subject: runId, hint });
    }
    const findings = new Findings();
    const known = new Set([...planSteps, ...state.steps.map(({ name }) => name)]);
    checkPolicies(request.policies, 'policies', findings, known);
    if (!findings.clean) throw refusal('INVALID_REQUEST', findings.problems, runId);
    catalog.expectNotHeld();
    const at = clock.now();
    const end: Entry[] =
      request.decision === 'abandon' ? [{ type: 'run-ended', at, result: 'abandoned' }] : [];
    await agent.record([{ type: 'run-resumed', at, ...request }, ...end]);
    const { result } = state;
    if (result === 'superseded') throw runEnded(runId);
  }

  async cancel(runId: string, asked: CancelRequest): Promise<void> {
    if (await this.#isDone(runId, asked)) return;
    const { catalog, clock } = this.#parts;
    const agent = await this.#openAgent(runId);
    if (agent.state.cancelling || agent.state.parked !== undefined) return;
    catalog.expectNotHeld();
    const at = clock.now();
    await agent.record([{ type: 'run-cancel-requested', at, ...asked }]);
  }

  /** The same request was here before: a member that did it may have died before it said so. */
  async #isDone(runId: string, { requestId }: { readonly requestId?: string }): Promise<boolean> {
    const { runs } = this.#parts;
    if (requestId === undefined || runs.drivenElsewhere(runId)) return false;
    return (await runs.state(runId)).requestIds.has(requestId);
  }

  /**
   * Typed error for a run that is unknown or has ended; RunElsewhere when it is not driven here.
   */
  async #openAgent(runId: string): Promise<Agent> {
    const { runs } = this.#parts;
    const agent = runs.agent(runId);
    if (agent !== undefined) return agent;
    if (runs.drivenElsewhere(runId)) throw new RunElsewhere(runId);
    const { result } = await runs.state(runId);
    if (result !== undefined) throw runEnded(runId);
    throw new RunElsewhere(runId);
  }
}

const runEnded = (runId: string): SiteswapError =>
  new SiteswapError('RUN_ENDED', `run ${runId} has ended`, { subject: runId });
