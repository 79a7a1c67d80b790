/**
 * Somebody else, who runs a plan of the same VMs while the person does what the script says: what
 * both have is done by whoever was first, and in the end both runs have ended.
 */
import type { Decision } from '../../daemon/core/entries.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import type { History } from './history.ts';
import type { MoverParts } from './mover.ts';
import type { NeighbourOrder } from './scenario-neighbour.ts';

export interface NeighbourParts extends MoverParts {
  readonly history: History;
  /** Mends everything that is broken, for good. */
  readonly mend: () => void;
}

const requester = 'carol';
const triesMax = 12;
/** Decisions on a parked run, after which everything is mended, and then it is abandoned. */
const patience = 4;

const likely: readonly Decision[] = ['retry', 'retry', 'rollback', 'skip'];

const start = async (
  { plan: { id: planId }, mode }: NeighbourOrder,
  { time, chance, ask }: NeighbourParts,
): Promise<string | undefined> => {
  const request = { planId, mode, requester, requestKey: 'neighbour', policies: {} };
  for (let tries = 1; tries <= triesMax; tries++) {
    const said = await ask('starts the neighbour', (engine) => engine.startRun(request));
    if (!(said instanceof Error)) return said.runId;
    if (said instanceof SiteswapError && said.reason === 'PLAN_STATE') return undefined;
    await time.sleep(chance.spread(100, 5_000));
  }
  return undefined;
};

/** Starts the run, and sees to it until it has ended. */
export const runNeighbour = async (order: NeighbourOrder, parts: NeighbourParts): Promise<void> => {
  const { time, chance, ask, history, mend } = parts;
  for (let tries = 1; ; tries++) {
    const said = await ask('saves another plan', (engine) => engine.createPlan(order.plan));
    const known = said instanceof SiteswapError && said.reason === 'PLAN_EXISTS';
    if (!(said instanceof Error) || known) break;
    if (tries > triesMax) return;
    await time.sleep(1_000);
  }
  await time.sleep(order.afterMs);
  const runId = await start(order, parts);
  if (runId === undefined) return;
  for (let parks = 0; ; await time.sleep(5_000)) {
    const view = await ask(
      'looks at the neighbour',
      (engine) => engine.getRun(runId, 'basic'),
      true,
    );
    if (view instanceof Error) continue;
    if (view.status === 'ended') break;
    if (view.status !== 'parked' && view.status !== 'stuck') continue;
    if (parks > patience) mend();
    const wish = parks++ < 2 * patience ? chance.pick(likely) : 'abandon';
    const decision = [wish, 'retry' as const, 'skip' as const, 'abandon' as const].find((one) =>
      view.decisionsAllowed.includes(one),
    );
    const resume = { requester, decision: decision ?? 'abandon', policies: {} };
    await ask(`decides ${resume.decision} on the neighbour`, (engine) =>
      engine.resumeRun(runId, resume),
    );
  }
  for (;;) {
    const report = await ask('reads of the neighbour', (engine) => engine.reportRun(runId), true);
    if (!(report instanceof Error)) {
      history.note({ kind: 'told', runId, report });
      return;
    }
    await time.sleep(5_000);
  }
};
