/**
 * Where the VMs of a plan are, from what the computes of its sites said of their migrations. Pure:
 * who was asked, and who did not answer, is given.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type {
  Departure,
  Execution,
  MigrationArrival,
  MigrationStatus,
} from '../../sdk/plugin/migration.ts';
import type { Inventory } from '../core/inventory.ts';
import { type Facts, factsOf, judgeLost, migrationOf, type Way } from '../core/migration.ts';
import { judgeSides, type MigrationVerdict, remedies } from '../core/migration-sides.ts';
import type { Plan } from '../core/plan.ts';
import { Findings } from './findings.ts';
import { resolveGroups } from './resolve-groups.ts';
import { compareText, World } from './world.ts';

/** What one compute said of one VM, or why it said nothing. */
export interface Testimony {
  readonly computeId: string;
  readonly siteId: string;
  readonly said: MigrationStatus | Fault;
}

/** One VM's newest live migration: the evidence, and the verdict. */
export interface VmMigration {
  readonly vmId: string;
  readonly sourceComputeId?: string;
  readonly destinationComputeId?: string;
  readonly migrationId?: string;
  /** Absent: it cannot be told. */
  readonly verdict?: MigrationVerdict;
  /** For people. */
  readonly remedy: string;
  readonly facts?: Facts;
  readonly execution?: Execution;
  readonly departure?: Departure;
  /** Why a side was not asked, or did not answer; empty when both did. */
  readonly problem: string;
}

export const remediesOfWays: Readonly<Record<Way, string>> = {
  keep: 'leave it alone',
  resume: 'let it go on at the destination',
  'fence-then-adopt': remedies.ambiguous,
  'remove-then-recover': 'prove that nothing of it runs, remove the shell, start it from its disks',
  recover: 'start it from its disks',
};

const isFault = (said: MigrationStatus | Fault): said is Fault => 'kind' in said;

/** Every production VM with a disk on the plan's groups, at either site, or named by the plan. */
export const vmIdsOf = (plan: Plan, inventory: Inventory): string[] => {
  const sites = [plan.protectedSiteId, plan.recoverySiteId];
  const world = new World(inventory, sites);
  const own = new Set(
    resolveGroups(world, plan, 'disaster', new Findings()).flatMap((group) =>
      [group.protected, group.recovery].flatMap(({ arrayId, target }) =>
        target.devices.map((id) => `${arrayId}\n${id}`),
      ),
    ),
  );
  const ids = new Set(plan.protectionGroups.flatMap(({ vms = [] }) => vms.map(({ id }) => id)));
  for (const { datastores, vms } of sites.flatMap((siteId) => world.computesAt(siteId))) {
    const standing = new Set(
      datastores
        .filter(({ devices }) => devices.some((d) => own.has(`${d.arrayId}\n${d.deviceId}`)))
        .map(({ id }) => id),
    );
    for (const { id, instance, datastoreIds } of vms) {
      if (instance === 'production' && datastoreIds.some((on) => standing.has(on))) ids.add(id);
    }
  }
  return [...ids].sort(compareText);
};

interface Arrived {
  readonly computeId: string;
  readonly said: MigrationStatus;
  readonly arrival: MigrationArrival;
}

/**
 * The recovery site's word comes first: a plan moves VMs there. From where a VM has set out since,
 * what had arrived there is of a migration before.
 */
const arrivedAt = (heard: readonly Testimony[]): Arrived | undefined => {
  for (const { computeId, said } of heard) {
    if (isFault(said) || said.arrival === undefined) continue;
    const isNewest = (said.toComputeId ?? computeId) === computeId;
    if (isNewest) return { computeId, said, arrival: said.arrival };
  }
  return undefined;
};

const problemOf = (heard: readonly Testimony[]): string =>
  heard
    .flatMap(({ computeId, said }) =>
      isFault(said) && said.kind !== 'missing' ? [`${computeId}: ${said.message}`] : [],
    )
    .join('; ');

const departureAt = (heard: readonly Testimony[], id: string | undefined) => {
  const said = heard.find(({ computeId }) => computeId === id)?.said;
  if (said === undefined || isFault(said)) {
    return said?.kind === 'missing' ? ('gone' as const) : undefined;
  }
  return said.departure;
};

const judged = (
  facts: Facts,
  execution: Execution,
  departure: Departure | undefined,
): Pick<VmMigration, 'verdict' | 'remedy'> => {
  if (departure !== undefined) {
    const verdict = judgeSides(departure, execution, facts.completed);
    return { verdict, remedy: remedies[verdict] };
  }
  const { verdict, way } = judgeLost(facts, execution);
  return { verdict, remedy: remediesOfWays[way] };
};

const ofArrival = (vmId: string, at: Arrived, heard: readonly Testimony[]): VmMigration => {
  const { said, arrival, computeId } = at;
  const facts = factsOf(vmId, arrival);
  const departure = departureAt(heard, said.fromComputeId);
  const migrationId = migrationOf(arrival);
  return {
    vmId,
    ...(said.fromComputeId === undefined ? {} : { sourceComputeId: said.fromComputeId }),
    destinationComputeId: computeId,
    ...(migrationId === undefined ? {} : { migrationId }),
    ...judged(facts, arrival.execution, departure),
    facts,
    execution: arrival.execution,
    ...(departure === undefined ? {} : { departure }),
    problem: problemOf(heard),
  };
};

const noFacts: Facts = { started: false, placeholder: false, completed: false };

/** Its destination says nothing of it: never heard of it, or cannot be asked. */
const ofDeparture = (vmId: string, heard: readonly Testimony[]): VmMigration | undefined => {
  const left = heard.find(({ said }) => !isFault(said) && said.toComputeId !== undefined);
  if (left === undefined || isFault(left.said)) return undefined;
  const { departure, toComputeId = '' } = left.said;
  const there = heard.find(({ computeId }) => computeId === toComputeId);
  const answered = there !== undefined && (!isFault(there.said) || there.said.kind === 'missing');
  const ends = { sourceComputeId: left.computeId, destinationComputeId: toComputeId };
  const known = { vmId, ...ends, ...(departure === undefined ? {} : { departure }) };
  const problem = problemOf(heard);
  if (!answered) return { ...known, remedy: 'ask again once the destination answers', problem };
  const found = judged(noFacts, 'absent', departure);
  return { ...known, ...found, facts: noFacts, execution: 'absent', problem };
};

/**
 * `heard`: what each compute said of it, those of the recovery site first. Undefined: nobody knows
 * of a migration of it.
 */
export const judgeVm = (vmId: string, heard: readonly Testimony[]): VmMigration | undefined => {
  const arrived = arrivedAt(heard);
  if (arrived !== undefined) return ofArrival(vmId, arrived, heard);
  return ofDeparture(vmId, heard);
};
