/** From a plan's VMs (or, where it names none, all on its groups) to where each one stands. */

import type { PowerState } from '../../sdk/plugin/model.ts';
import type { Path, Side } from '../core/frozen.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import { isOfTests, type Mode, type Plan, type PlanVm, priorityDefault } from '../core/plan.ts';
import type { Placement } from './datastores.ts';
import type { Findings } from './findings.ts';
import type { Group } from './resolve-groups.ts';
import { type Sighting, Sightings } from './sightings.ts';
import { compareText } from './world.ts';

type Sides = ReadonlySet<Side>;

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
  readonly power: PowerState;
  /** The recovery site knows it already, on or off. */
  readonly known: boolean;
  /** Where it is on. */
  readonly runsAt: Sides;
  /** It runs at the recovery site already, on devices that both sites serve. */
  readonly there: boolean;
}

/** Whom an earlier run has started at the other site is off here, and is no VM that is off. */
export const isOff = ({ power, runsAt }: Member): boolean =>
  power === 'off' && !runsAt.has('recovery');

/**
 * Stretched storage leaves it so in a planned run; all else starts every VM. `wantedOn`: whom the
 * run that this one goes on from was to start.
 */
export const isLeftOff = (
  mode: Mode,
  path: Path | undefined,
  member: Member,
  wantedOn: ReadonlySet<string>,
): boolean =>
  mode === 'planned' && path === 'stretched' && isOff(member) && !wantedOn.has(member.id);

export interface VmQuestion {
  readonly plan: Plan;
  readonly mode: Mode;
  readonly groups: readonly Group[];
  /** Per group. */
  readonly paths: readonly Path[];
  readonly placement: Placement;
  readonly protectedComputes: readonly RemoteEvidence[];
  readonly recoveryComputes: readonly RemoteEvidence[];
  /** VM → its datastores, by the word of a run: where no compute has told of it since. */
  readonly remembered: ReadonlyMap<string, readonly string[]>;
  readonly findings: Findings;
}

// Plans hold tens of thousands of VMs: they share these.
const [nowhere, onlyHere, onlyThere, bothSides] = (
  [[], ['protected'], ['recovery'], ['protected', 'recovery']] as const
).map((sides): Sides => new Set(sides)) as [Sides, Sides, Sides, Sides];

const distinct = (ids: readonly string[]): string[] => [...new Set(ids)].sort(compareText);

/** Refuses what moves only in part; true when the VM can be part of the run. */
const checkStanding = (
  question: VmQuestion,
  vm: PlanVm,
  sighting: Sighting,
  protectionGroup: number,
  field: string,
): boolean => {
  const { plan, groups, findings } = question;
  if (sighting.outside !== undefined) {
    findings.problem(
      field,
      `VM "${vm.id}" stands on datastore "${sighting.outside}" outside the plan: add that ` +
        "datastore's consistency group to the protection group, or take the VM out",
    );
    return false;
  }
  if (sighting.groups.length === 0) {
    findings.problem(
      field,
      `VM "${vm.id}" stands on no datastore: list the VMs again, or take it out of the plan`,
    );
    return false;
  }
  for (const group of sighting.groups) {
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
    this.#protected = new Sightings(question.protectedComputes, question.placement);
    this.#recovery = new Sightings(question.recoveryComputes, question.placement);
  }

  /** Where the VM is, by the protected side's word, else (unless planned) the recovery side's. */
  #sighting(id: string, field: string): Sighting | undefined {
    const { plan, mode, findings } = this.#question;
    const here = this.#protected.first(id) !== undefined;
    const mayBeThere = mode !== 'planned' || this.#wentOver(id);
    const sightings = here || !mayBeThere ? this.#protected : this.#recovery;
    if (sightings.isAmbiguous(id)) {
      const names = sightings.computesWith(id).join(', ');
      findings.problem(field, `VM "${id}" is at several computes (${names}): remove all but one`);
      return undefined;
    }
    const sighting = sightings.first(id) ?? this.#remember(id);
    if (sighting !== undefined) return sighting;
    const there = this.#recovery.first(id);
    findings.problem(
      field,
      there === undefined
        ? `no compute of the plan's sites knows VM "${id}": list the VMs and correct the id`
        : `VM "${id}" is at compute "${there.computeId}" of site "${plan.recoverySiteId}", ` +
            `not at "${plan.protectedSiteId}": run reprotect if the plan was failed over`,
    );
    return undefined;
  }

  /** It went over to a site that was lost before its compute could tell of it. */
  #remember(id: string): Sighting | undefined {
    const datastoreIds = this.#question.remembered.get(id);
    if (datastoreIds === undefined) return undefined;
    return this.#recovery.standing(datastoreIds, 'on');
  }

  /** Live, by an earlier run or by hand: it is done, and is not touched again. */
  #wentOver(id: string): boolean {
    const there = this.#protected.first(id) === undefined ? this.#recovery.first(id) : undefined;
    if (there?.power !== 'on' || there.groups.length === 0) return false;
    return there.groups.every((group) => this.#question.paths[group] === 'stretched');
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
    const known = !this.#protected.none || mode === 'planned';
    const ids = new Set(known ? this.#protected.ids() : this.#recovery.ids());
    for (const id of this.#question.remembered.keys()) ids.add(id);
    if (mode === 'planned') {
      for (const id of this.#recovery.ids()) if (this.#wentOver(id)) ids.add(id);
    }
    for (const id of [...ids].sort(compareText)) {
      if (this.#taken.has(id)) continue;
      const seen = this.#protected.first(id) ?? this.#recovery.first(id) ?? this.#remember(id);
      const owner = seen?.groups
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
      dependsOn: vm.dependsOn.length < 2 ? vm.dependsOn : distinct(vm.dependsOn),
      field,
      protectionGroup,
      groups: sighting.groups,
      datastoreIds: sighting.datastoreIds,
      power: sighting.power,
      known: this.#recovery.first(vm.id) !== undefined,
      runsAt: this.#runsAt(vm.id),
      there: this.#question.mode === 'planned' && this.#wentOver(vm.id),
    });
  }

  #runsAt(id: string): Sides {
    const here = this.#protected.first(id)?.power === 'on';
    const there = this.#recovery.first(id)?.power === 'on';
    return here ? (there ? bothSides : onlyHere) : there ? onlyThere : nowhere;
  }

  /**
   * VMs on the plan's groups that it leaves behind: they lose their disks to the other site. One
   * that runs would keep its disks from going over, once all the others were stopped.
   */
  tellOfOthers(): void {
    const { groups, findings, mode, paths } = this.#question;
    for (const id of this.#protected.ids()) {
      const sighting = this.#taken.has(id) ? undefined : this.#protected.first(id);
      const group = sighting?.groups[0];
      if (sighting === undefined || group === undefined) continue;
      const field = groups[group]?.field ?? '';
      const what = `VM "${id}" stands on "${groups[group]?.id}" and is not in the plan`;
      if (mode === 'planned' && paths[group] === 'cold' && sighting.power === 'on') {
        const way = 'add it, power it off, or move it away first';
        findings.obstacle(field, `${what}, and runs: its disks cannot go over under it; ${way}`);
      } else {
        const way = 'add it, or move it away first';
        findings.warn(field, `${what}: it will lose its disks to the other site; ${way}`);
      }
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
  if (!isOfTests(question.mode)) resolving.tellOfOthers();
  return resolving.members;
};
