/**
 * What a shared database costs a run, what claims cost where plans have objects in common, and what
 * more members give. Over a real PostgreSQL; nothing is measured where there is none.
 */
import { existsSync } from 'node:fs';
import { Mode } from '../sdk/client/index.ts';
import { startDaemon, type TestDaemon } from '../sdk/testing/index.ts';
import { startPostgres } from '../test/_support/postgres.ts';
import { Caller } from './callers.ts';
import type { Figure } from './figures.ts';
import { median, sum } from './numbers.ts';
import { namesOf, planOver } from './plans.ts';
import type { Scale } from './scale.ts';
import { type Timed, World } from './world.ts';

/** Share of the objects that both plans have. */
const contested = 0.3;

/** `count` plans over as many groups each, of which each has a share in common with the next. */
const plansOf = (count: number, groupsEach: number, vmWorkgroupMax = 20) => {
  const apart = Math.max(1, Math.round((groupsEach * (1 - contested)) / (1 + contested)));
  return Array.from({ length: count }, (_, n) => ({
    ...planOver(`plan-${n}`, namesOf(1 + n * apart, n * apart + groupsEach)),
    options: { vmWorkgroupMax },
  }));
};

interface Spent {
  readonly vmStepsPerSecond: number;
  readonly rowsPerRun: number;
}

/** There and back: each way both plans at once. */
const contend = async (world: World, planIds: readonly string[], workMs: number) => {
  const runs: Timed[] = [];
  let workedMs = 0;
  do {
    for (const mode of [Mode.PLANNED, Mode.REPROTECT]) {
      const begunMs = performance.now();
      runs.push(...(await Promise.all(planIds.map((id) => world.run(mode, id)))));
      workedMs += performance.now() - begunMs;
    }
  } while (workedMs < workMs);
  return { runs, workedMs };
};

const spentOver = async (
  { groups, workMs }: Scale,
  vmWorkgroupMax: number,
  postgres?: string,
): Promise<Spent> => {
  const groupsEach = Math.ceil((groups * (1 + contested)) / 2);
  const plans = plansOf(2, groupsEach, vmWorkgroupMax);
  const none = { faultRate: 0, latencyMs: 0, syncDelayMs: 0, steps: 0, everyStep: true };
  const world = await World.open({ groups: groups + 1, ...none, ...(postgres && { postgres }) });
  try {
    for (const plan of plans) await world.client.plans.create(plan);
    const planIds = plans.map(({ id }) => id);
    await contend(world, planIds, 0);
    const { runs, workedMs } = await contend(world, planIds, workMs);
    const seen = await Promise.all(runs.map(({ runId }) => world.client.runs.get(runId)));
    return {
      vmStepsPerSecond: (sum(runs.map(({ vmSteps }) => vmSteps)) / workedMs) * 1_000,
      rowsPerRun: median(seen.map(({ cursor }) => cursor)),
    };
  } finally {
    await world.close();
  }
};

const throughput = async (
  scale: Scale,
  vmWorkgroupMax: number,
  postgres: string,
): Promise<readonly Figure[]> => {
  const alone = await spentOver(scale, vmWorkgroupMax);
  const shared = await spentOver(scale, vmWorkgroupMax, postgres);
  const what = `two plans with 30 % in common, workgroups of ${vmWorkgroupMax}, over PostgreSQL`;
  return [
    {
      name: what,
      value: shared.vmStepsPerSecond,
      unit: 'VM-steps/s',
      limit: { name: 'over SQLite', value: alone.vmStepsPerSecond },
      wanted: { of: 'ratio', is: '≥', than: 0.5 },
    },
    { name: `${what}: rows`, value: shared.rowsPerRun, unit: 'a run' },
  ];
};

const plansPerMember = 4;

/** Each member drives tests of plans of its own, one after the other, for as long as it is told. */
const runsPerSecond = async (members: number, loadMs: number): Promise<number> => {
  const server = await startPostgres();
  const postgres = await server.database();
  const daemons: TestDaemon[] = [];
  try {
    const world = { groups: members * plansPerMember, vmsPerGroup: 1 };
    for (let n = 0; n < members; n++) {
      const config = { member: `m${n + 1}`, workers: 1, journal: { postgres } };
      const daemon = await startDaemon({ world, config });
      daemons.push(daemon);
      const own = namesOf(n * plansPerMember + 1, (n + 1) * plansPerMember);
      for (const name of own) await daemon.client.plans.create(planOver(`plan-${name}`, [name]));
    }
    const endMs = performance.now() + loadMs;
    const begunMs = performance.now();
    let count = 0;
    const drive = async ({ client, address }: TestDaemon, planId: string): Promise<void> => {
      const caller = new Caller(address);
      do {
        for (const mode of [Mode.TEST, Mode.CLEANUP]) {
          const { runId } = await client.runs.start({ planId, mode, requester: 'bench' });
          await caller.watch(runId);
          count++;
        }
      } while (performance.now() < endMs);
      caller.close();
    };
    await Promise.all(
      daemons.flatMap((daemon, n) =>
        namesOf(n * plansPerMember + 1, (n + 1) * plansPerMember).map((name) =>
          drive(daemon, `plan-${name}`),
        ),
      ),
    );
    return (count * 1_000) / (performance.now() - begunMs);
  } finally {
    for (const daemon of daemons) await daemon.stop();
    await server.stop();
  }
};

const growth = async ({ loadMs, members }: Scale): Promise<readonly Figure[]> => {
  const figures: Figure[] = [];
  for (const count of [1, 2, 4].filter((one) => one < members)) {
    const value = await runsPerSecond(count, loadMs / 3);
    const name = `runs of one VM, ${plansPerMember} at once at each of ${count} members`;
    figures.push({ name, value, unit: 'runs/s' });
  }
  return figures;
};

/** Each verb takes this long. */
const latencyMs = 20;

/** Plans that have objects in common, at once; and one after the other, as under one lock. */
const beside = async (count: number, groupsEach: number): Promise<Figure> => {
  const slow = { faultRate: 0, latencyMs, syncDelayMs: 0, steps: 0, everyStep: true };
  const world = await World.open({ groups: count * groupsEach, vmsPerGroup: 10, ...slow });
  try {
    const plans = plansOf(count, groupsEach);
    for (const plan of plans) await world.client.plans.create(plan);
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const begunMs = performance.now();
      await work();
      return performance.now() - begunMs;
    };
    const atOnce = (mode: Mode) => Promise.all(plans.map(({ id }) => world.run(mode, id)));
    const inTurn = async (mode: Mode) => {
      for (const { id } of plans) await world.run(mode, id);
    };
    const value = await timed(() => atOnce(Mode.PLANNED));
    await atOnce(Mode.REPROTECT);
    const locked = await timed(() => inTurn(Mode.PLANNED));
    const limit = { name: 'under one lock', value: locked };
    return { name: `${count} plans at once, 30 % in common, claimed`, value, unit: 'ms', limit };
  } finally {
    await world.close();
  }
};

export const cluster = async (scale: Scale): Promise<readonly Figure[]> => {
  if (!existsSync('/usr/lib/postgresql')) return [];
  const figures: Figure[] = [];
  for (const count of scale.plansAtOnce) figures.push(await beside(count, scale.groupsOfPlan));
  for (const vmWorkgroupMax of [100, 1]) {
    const server = await startPostgres();
    try {
      figures.push(...(await throughput(scale, vmWorkgroupMax, await server.database())));
    } finally {
      await server.stop();
    }
  }
  return [...figures, ...(await growth(scale))];
};
