/** Rows of the matrix for what has no policy: storage migrations, device runs, questions. */
import type { Entry } from '../../daemon/core/entries.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { modeSteps, steps, storageMigrationSteps } from '../../daemon/steps/registry.ts';
import type { ListingVerb, TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { CallRule, Effect } from '../../sdk/scenario/rule.ts';
import { type Rig, rig, untilRest } from '../_support/engine-on-lab.ts';
import { JumpingTime } from '../_support/jumping-time.ts';

/** An effect and how the table calls it. */
export interface Told {
  readonly name: string;
  readonly effect: Effect;
}

/** Verb → the step of a storage migration that calls it first. */
export const moving = (): ReadonlyMap<TargetVerb, string> => {
  const ofPlans = new Set(
    Object.values(modeSteps).flatMap((names) => names.flatMap((name) => steps.get(name)?.verbs)),
  );
  const found = new Map<TargetVerb, string>();
  for (const { name, verbs, run } of storageMigrationSteps) {
    for (const verb of verbs) {
      // `cut-over` reads when it is settled alone.
      const called = verb !== 'readFile' || String(run).includes('digestsThere');
      if (called && !ofPlans.has(verb) && !found.has(verb)) found.set(verb, name);
    }
  }
  return found;
};

/** In a cell: the run never came to the verb. */
export const notCalled = 'not called here';

const who = { requester: 'matrix', requestKey: '' };

const entriesOf = async ({ journal }: Rig, runId: string): Promise<Entry[]> =>
  (await journal.read(runId, 1, 100_000)).map(({ body }) => JSON.parse(body) as Entry);

type Story = (entries: readonly Entry[], outcomes: ReadonlySet<string>) => string;

/** One run under one rule; what the engine made of it. */
const oneRun = async (
  rule: CallRule,
  begin: (made: Rig) => Promise<{ readonly runId: string }>,
  story: Story,
): Promise<string> => {
  const time = new JumpingTime();
  const made = await rig({ groups: 2, vms: 1, time });
  const { injections } = made.engine;
  try {
    await time.through(injections.add('matrix', [rule]));
    await time.through(injections.enable('matrix', 'the matrix', 1, 0));
    const { runId } = await time.through(begin(made));
    await time.through(untilRest(made.engine, runId));
    const { items } = await time.through(made.engine.reportRun(runId));
    const outcomes = new Set(items.map(({ outcome }) => outcome));
    if (injections.status().rules[0]?.hits === 0) return notCalled;
    return story(await entriesOf(made, runId), outcomes);
  } finally {
    made.engine.close();
  }
};

const inTurn = async (columns: readonly Told[], cell: (told: Told) => Promise<string>) => {
  const cells: string[] = [];
  for (const column of columns) cells.push(await cell(column));
  return cells;
};

/** By column, what became of a VM whose disks were moved. */
export const movingRow = (
  [verb, step]: readonly [TargetVerb, string],
  columns: readonly Told[],
  story: (step: string) => Story,
) =>
  inTurn(columns, ({ effect }) => {
    const rule: CallRule = { name: 'r', step, verb, direction: 'run', attempt: 1, effect };
    const moves = [{ vmId: 'vm-00001', fromDatastoreId: '', toDatastoreId: 'ds-0002-1' }];
    const begin = ({ engine }: Rig) =>
      engine.startStorageMigration({ computeId: 'lab-compute-a', moves, ...who });
    return oneRun(rule, begin, story(step));
  });

/** By column, what a device run tells of its target. */
export const deviceRow = (
  verb: 'removeSnapshot',
  columns: readonly Told[],
  story: (step: string) => Story,
) =>
  inTurn(columns, ({ effect }) => {
    const step = `device-${verb}`;
    const rule: CallRule = { name: 'r', step, verb, attempt: 1, effect };
    const targets = [{ id: 'cg-0001', deviceIds: [] }];
    const args = { name: 'old' };
    const begin = ({ engine }: Rig) =>
      engine.startDeviceRun({ verb, arrayId: 'lab-a', targets, args, initiatorId: '', ...who });
    return oneRun(rule, begin, story(step));
  });

/** By column, what who asks is told. */
export const askedRow = async (
  verb: ListingVerb | 'listSnapshots',
  columns: readonly Told[],
): Promise<readonly string[]> => {
  const made = await rig({ groups: 1, vms: 1 });
  const { engine } = made;
  const remoteId = /^list(Vms|Datastores)/.test(verb) ? 'lab-compute-a' : 'lab-a';
  const ask = async (): Promise<string> => {
    if (verb !== 'listSnapshots') await engine.evidence(remoteId, true);
    else {
      const [answer] = await engine.listSnapshots('lab-a', [{ id: 'cg-0001', deviceIds: [] }]);
      if (answer !== undefined && 'fault' in answer) return `its own: ${answer.fault.kind}`;
    }
    return 'answered';
  };
  const cells = await inTurn(columns, async ({ effect }) => {
    await engine.injections.add('matrix', [{ name: 'r', verb, effect }]);
    await engine.injections.enable('matrix', 'the matrix', 1, 0);
    return ask().catch((error: unknown) =>
      error instanceof SiteswapError ? error.reason : Promise.reject(error),
    );
  });
  engine.close();
  return cells;
};
