/** What is wrong with a plan as written: needs no inventory, so it answers at once and offline. */
import type { Violation } from '../core/errors.ts';
import { idLengthMax, vmsPerPlanMax } from '../core/limits.ts';
import {
  type Plan,
  type PlanOptions,
  type PlanVm,
  priorityMax,
  priorityMin,
} from '../core/plan.ts';
import { steps } from '../steps/registry.ts';
import { checkPolicies } from './check-policies.ts';
import {
  batchSizeMax,
  inFlightCeiling,
  rpoTimesCeiling,
  storageWorkgroupCeiling,
  vmWorkgroupCeiling,
} from './defaults.ts';
import { checkWritten } from './dependencies.ts';
import { Findings } from './findings.ts';

const checkId = (id: string, field: string, what: string, findings: Findings): void => {
  if (id === '') findings.problem(field, `${what} has no id: give it one`);
  else if (id.length > idLengthMax) {
    findings.problem(field, `${what} has an id of ${id.length} characters: at most ${idLengthMax}`);
  }
};

const checkCount = (value: number, max: number, field: string, findings: Findings): void => {
  if (Number.isInteger(value) && value >= 1 && value <= max) return;
  findings.problem(field, `${value}: give a whole number from 1 to ${max}`);
};

const checkOptions = (options: PlanOptions, findings: Findings): void => {
  const count = (value: number, max: number, field: string) =>
    checkCount(value, max, `options.${field}`, findings);
  count(options.vmWorkgroupMax, vmWorkgroupCeiling, 'vmWorkgroupMax');
  count(options.storageWorkgroupMax, storageWorkgroupCeiling, 'storageWorkgroupMax');
  if (options.release.kind === 'batch') count(options.release.size, batchSizeMax, 'release.size');
  if (options.lag !== undefined) count(options.lag.rpoTimesMax, rpoTimesCeiling, 'lag.rpoTimesMax');
  count(options.limits.perArray, inFlightCeiling, 'limits.perArray');
  count(options.limits.perCompute, inFlightCeiling, 'limits.perCompute');
  for (const [name, max] of Object.entries(options.limits.perStep)) {
    const field = `limits.perStep.${name}`;
    if (steps.has(name)) count(max, inFlightCeiling, field);
    else findings.problem(`options.${field}`, `no step is called "${name}"`);
  }
};

const checkVm = (vm: PlanVm, field: string, findings: Findings): void => {
  checkId(vm.id, `${field}.id`, 'the VM', findings);
  if (!Number.isInteger(vm.priority) || vm.priority < priorityMin || vm.priority > priorityMax) {
    findings.problem(
      `${field}.priority`,
      `VM "${vm.id}" has priority ${vm.priority}: give ${priorityMin} (first) to ${priorityMax}`,
    );
  }
  if (vm.dependsOn.includes(vm.id)) {
    findings.problem(`${field}.dependsOn`, `VM "${vm.id}" waits for itself: remove it there`);
  }
};

const checkVms = (plan: Plan, findings: Findings): void => {
  const seen = new Map<string, string>();
  plan.protectionGroups.forEach((group, i) => {
    group.vms?.forEach((vm, j) => {
      const field = `protectionGroups[${i}].vms[${j}]`;
      checkVm(vm, field, findings);
      const first = seen.get(vm.id);
      if (first === undefined) seen.set(vm.id, group.id);
      else {
        const where =
          first === group.id
            ? `twice in protection group "${first}"`
            : `in two protection groups, "${first}" and "${group.id}"`;
        findings.problem(`${field}.id`, `VM "${vm.id}" is ${where}: keep it in one place`);
      }
    });
  });
  if (seen.size > vmsPerPlanMax) {
    findings.problem('protectionGroups', `${seen.size} VMs: at most ${vmsPerPlanMax} in one plan`);
  }
};

const checkGroups = (plan: Plan, findings: Findings): void => {
  if (plan.protectionGroups.length === 0) {
    findings.problem('protectionGroups', 'the plan protects nothing: add a protection group');
  }
  const ids = new Set<string>();
  const refs = new Set<string>();
  plan.protectionGroups.forEach((group, i) => {
    const field = `protectionGroups[${i}]`;
    checkId(group.id, `${field}.id`, 'the protection group', findings);
    if (ids.has(group.id)) {
      findings.problem(`${field}.id`, `two protection groups are called "${group.id}": rename one`);
    }
    ids.add(group.id);
    if (group.groups.length === 0) {
      findings.problem(
        `${field}.groups`,
        `protection group "${group.id}" has no consistency group: name at least one`,
      );
    }
    group.groups.forEach((ref, j) => {
      checkId(ref.arrayId, `${field}.groups[${j}].arrayId`, 'the array', findings);
      checkId(ref.id, `${field}.groups[${j}].id`, 'the consistency group', findings);
      const key = JSON.stringify([ref.arrayId, ref.id]);
      if (refs.has(key)) {
        findings.problem(
          `${field}.groups[${j}]`,
          `consistency group "${ref.id}" of array "${ref.arrayId}" is named twice: name it once`,
        );
      }
      refs.add(key);
    });
  });
};

/** Adds what is wrong with the plan as written. */
export const checkPlanInto = (plan: Plan, findings: Findings): void => {
  checkId(plan.id, 'id', 'the plan', findings);
  checkId(plan.protectedSiteId, 'protectedSiteId', 'the protected site', findings);
  checkId(plan.recoverySiteId, 'recoverySiteId', 'the recovery site', findings);
  if (plan.protectedSiteId === plan.recoverySiteId && plan.protectedSiteId !== '') {
    findings.problem(
      'recoverySiteId',
      `site "${plan.recoverySiteId}" is both protected and recovery: name two sites`,
    );
  }
  checkGroups(plan, findings);
  checkVms(plan, findings);
  checkWritten(plan, findings);
  checkOptions(plan.options, findings);
  checkPolicies(plan.policies, 'policies', findings);
};

/** Every structural problem of the plan; empty when it is well formed. */
export const checkPlan = (plan: Plan): readonly Violation[] => {
  const findings = new Findings();
  checkPlanInto(plan, findings);
  return findings.problems;
};
