/**
 * Somebody else, who moves a VM's disk to another datastore while the person does what the script
 * says: whatever goes wrong with it, its run comes to an end.
 */
import type { Decision } from '../../daemon/core/entries.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import type { RunningEngine } from '../../daemon/runner/engine.ts';
import type { Chance } from './chance.ts';
import type { SimTime } from './time.ts';

export interface MoveOrder {
  readonly vmId: string;
  readonly toDatastoreId: string;
  /** Of the beginning of the simulation. */
  readonly afterMs: number;
  /** The person waits for it before the script begins. */
  readonly first: boolean;
}

export interface MoverParts {
  readonly time: SimTime;
  readonly chance: Chance;
  /** `quiet`: the answer is not told. */
  readonly ask: <T>(
    what: string,
    act: (engine: RunningEngine) => Promise<T>,
    quiet?: boolean,
  ) => Promise<T | Error>;
}

const requester = 'bob';
const triesMax = 12;
/** Decisions on a parked run, after which it is abandoned. */
const patience = 4;

/** As asked for, it cannot be done: the VM is off, has gone over, or is in other hands. */
const isFinal = (said: Error): boolean =>
  said instanceof SiteswapError && ['MOVE_INVALID', 'SITE_LOST'].includes(said.reason);

const startMove = async (
  { vmId, toDatastoreId }: MoveOrder,
  { time, chance, ask }: MoverParts,
): Promise<string | undefined> => {
  const moves = [{ vmId, fromDatastoreId: '', toDatastoreId }];
  const request = { computeId: 'lab-compute-a', moves, requester, requestKey: 'move' };
  for (let tries = 1; tries <= triesMax; tries++) {
    const said = await ask('moves disks', (engine) => engine.startStorageMigration(request));
    if (!(said instanceof Error)) return said.runId;
    if (isFinal(said)) return undefined;
    await time.sleep(chance.spread(100, 30_000));
  }
  return undefined;
};

const wishes: readonly Decision[] = ['retry', 'retry', 'rollback', 'skip'];

/** Starts the migration, and sees to it until it has ended. */
export const moveDisks = async (order: MoveOrder, parts: MoverParts): Promise<void> => {
  const { time, chance, ask } = parts;
  await time.sleep(order.afterMs);
  const runId = await startMove(order, parts);
  if (runId === undefined) return;
  for (let parks = 0; ; ) {
    const view = await ask('looks at the move', (engine) => engine.getRun(runId, 'basic'));
    if (!(view instanceof Error)) {
      if (view.status === 'ended') return;
      if (view.status === 'parked' || view.status === 'stuck') {
        const wish = parks++ < patience ? chance.pick(wishes) : 'abandon';
        const decision = [wish, 'retry', 'skip', 'rollback', 'abandon'].find((one) =>
          (view.decisionsAllowed as readonly string[]).includes(one),
        ) as Decision | undefined;
        const resume = { requester, decision: decision ?? 'abandon', policies: {} };
        await ask(`decides ${resume.decision} on the move`, (engine) =>
          engine.resumeRun(runId, resume),
        );
      }
    }
    await time.sleep(5_000);
  }
};
