/** From a plan's VMs (or, where it names none, all on its groups) to where each one stands. */

import type { RemoteEvidence } from '../core/inventory.ts';
import { type Mode, type Plan, type PlanVm, priorityDefault } from '../core/plan.ts';
import type { Placement, Standing } from './datastores.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';
import { compareText } from './world.ts';

/** A VM of the run. */
export interface Member {
  readonly id: string;
  readonly priority: number;
  /** Sorted, distinct. */
  readonly dependsOn: readonly string[];
  readonly field: string;
  readonly protectionGroup: number;
  /** Positions in the plan's groups; ascending, distinct, at least one. */
  readonly groups: readonly number[];
  readonly datastoreIds: readonly string[];
}

/** A VM as a compute knows it, with where its disks stand. */
interface Sighting {
  readonly computeId: string;
  readonly datastoreIds: readonly string[];
  readonly standings: readonly (readonly [string, Standing])[];
}

type Sightings = ReadonlyMap<string, readonly Sighting[]>;

export interface VmQuestion {
  readonly plan: Plan;
  readonly mode: Mode;
  readonly groups: readonly Group[];
  readonly placement: Placement;
  readonly protectedComputes: readonly RemoteEvidence[];
  readonly recoveryComputes: readonly RemoteEvidence[];
  readonly findings: Findings;
}

const sightingsAt = (computes: readonly RemoteEvidence[], placement: Placement): Sightings => {
  const sightings = new Map<string, Sighting[]>();
  for (const { remote, vms } of computes) {
    const standing = placement.standing.get(remote.id);
    for (const vm of vms) {
      if (vm.instance !== 'production') continue;
      const standings = vm.datastoreIds.map((id): [string, Standing] => [
        id,
        standing?.get(id) ?? 'outside',
      ]);
      const sighting = { computeId: remote.id, datastoreIds: vm.datastoreIds, standings };
      const others = sightings.get(vm.id);
      if (others === undefined) sightings.set(vm.id, [sighting]);
      else others.push(sighting);
    }
  }
  return sightings;
};

const groupsOf = (sighting: Sighting): number[] => {
  const groups = new Set<number>();
  for (const [, standing] of sighting.standings) if (standing !== 'outside') groups.add(standing);
  return [...groups].sort((a, b) => a - b);
};

/** Refuses what moves only in part; true when the VM can be part of the run. */
const checkStanding = (
  question: VmQuestion,
  vm: PlanVm,
  sighting: Sighting,
  protectionGroup: number,
  field: string,
): boolean => {
  const { plan, groups, findings } = question;
  const outside = sighting.standings.find(([, standing]) => standing === 'outside');
  if (outside !== undefined || sighting.standings.length === 0) {
    const where = outside === undefined ? 'no datastore' : `datastore "${outside[0]}"`;
    findings.problem(
      field,
      `VM "${vm.id}" stands on ${where} outside the plan: add that datastore's consistency ` +
        'group to the protection group, or take the VM out',
    );
    return false;
  }
  for (const group of groupsOf(sighting)) {
    const owner = groups[group]?.protectionGroup ?? protectionGroup;
    if (owner === protectionGroup) continue;
    const names = [protectionGroup, owner].map((index) => plan.protectionGroups[index]?.id);
    findings.problem(
      field,
      `VM "${vm.id}" is in two protection groups, "${names[0]}" and "${names[1]}": its disks ` +
        `stand on "${groups[group]?.id}" too; put these groups into one protection group`,
    );
    return false;
  }
  return true;
};

class Resolving {
  readonly #question: VmQuestion;
  readonly #protected: Sightings;
  readonly #recovery: Sightings;
  readonly members: Member[] = [];
  readonly #taken = new Set<string>();

  constructor(question: VmQuestion) {
    this.#question = question;
    this.#protected = sightingsAt(question.protectedComputes, question.placement);
    this.#recovery = sightingsAt(question.recoveryComputes, question.placement);
  }

  /** Where the VM is, by the protected side's word; by the recovery side's, unless it is planned. */
  #sighting(id: string, field: string): Sighting | undefined {
    const { plan, mode, findings } = this.#question;
    const here = this.#protected.get(id) ?? [];
    const there = this.#recovery.get(id) ?? [];
    const sightings = here.length > 0 || mode === 'planned' ? here : there;
    if (sightings.length > 1) {
      const names = sightings.map(({ computeId }) => computeId).join(', ');
      findings.problem(field, `VM "${id}" is at several computes (${names}): remove all but one`);
      return undefined;
    }
    if (sightings.length === 0) {
      findings.problem(
        field,
        there[0] === undefined
          ? `no compute of the plan's sites knows VM "${id}": list the VMs and correct the id`
          : `VM "${id}" is at compute "${there[0].computeId}" of site "${plan.recoverySiteId}", ` +
              `not at "${plan.protectedSiteId}": run reprotect if the plan was failed over`,
      );
    }
    return sightings[0];
  }

  addNamed(vms: readonly PlanVm[], protectionGroup: number): void {
    vms.forEach((vm, j) => {
      const field = `protectionGroups[${protectionGroup}].vms[${j}]`;
      const sighting = this.#sighting(vm.id, `${field}.id`);
      if (sighting !== undefined) this.#add(vm, sighting, protectionGroup, field);
    });
  }

  /** All VMs with a disk on the protection groups, seen where the protected side can be seen. */
  addFound(protectionGroups: ReadonlySet<number>): void {
    const { groups, mode } = this.#question;
    const known = this.#protected.size > 0 || mode === 'planned';
    const sightings = known ? this.#protected : this.#recovery;
    for (const id of [...sightings.keys()].sort(compareText)) {
      if (this.#taken.has(id)) continue;
      const owner = (sightings.get(id) ?? [])
        .flatMap(groupsOf)
        .map((group) => groups[group]?.protectionGroup ?? -1)
        .find((protectionGroup) => protectionGroups.has(protectionGroup));
      if (owner === undefined) continue;
      const field = `protectionGroups[${owner}]`;
      const sighting = this.#sighting(id, field);
      const vm = { id, priority: priorityDefault, dependsOn: [] };
      if (sighting !== undefined) this.#add(vm, sighting, owner, field);
    }
  }

  #add(vm: PlanVm, sighting: Sighting, protectionGroup: number, field: string): void {
    this.#taken.add(vm.id);
    if (!checkStanding(this.#question, vm, sighting, protectionGroup, field)) return;
    this.members.push({
      id: vm.id,
      priority: vm.priority,
      dependsOn: [...new Set(vm.dependsOn)].sort(compareText),
      field,
      protectionGroup,
      groups: groupsOf(sighting),
      datastoreIds: sighting.datastoreIds,
    });
  }

  /** VMs on the plan's groups that it leaves behind: they lose their disks to the other site. */
  warnOfOthers(): void {
    const { groups, findings } = this.#question;
    for (const [id, [sighting]] of this.#protected) {
      if (this.#taken.has(id) || sighting === undefined) continue;
      const [group] = groupsOf(sighting);
      if (group === undefined) continue;
      findings.warn(
        groups[group]?.field ?? '',
        `VM "${id}" stands on "${groups[group]?.id}" and is not in the plan: ` +
          'it will lose its disks to the other site; add it, or move it away first',
      );
    }
  }
}

export const resolveVms = (question: VmQuestion): readonly Member[] => {
  const resolving = new Resolving(question);
  const open = new Set<number>();
  question.plan.protectionGroups.forEach(({ vms }, i) => {
    if (vms === undefined) open.add(i);
    else resolving.addNamed(vms, i);
  });
  if (open.size > 0) resolving.addFound(open);
  if (question.mode !== 'test' && question.mode !== 'cleanup') resolving.warnOfOthers();
  return resolving.members;
};
