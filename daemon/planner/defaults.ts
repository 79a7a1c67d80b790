/** What a plan gets when its author says nothing, and how far its numbers may go. */
import { inFlightPerRemoteDefault } from '../core/limits.ts';
import type { LagGuard, PlanLimits, PlanOptions } from '../core/plan.ts';

/** Tasks of one step in flight: the remotes' own limits bind first, unless the plan says so. */
export const inFlightPerStepDefault = 1_024;

export const defaultLimits: PlanLimits = {
  perArray: inFlightPerRemoteDefault,
  perCompute: inFlightPerRemoteDefault,
  perStep: {},
};

/**
 * One missed copy is a bad day of a network, and a copy that runs makes the age rise to two; at
 * three times its RPO something is wrong with the replication.
 */
export const defaultLag: LagGuard = { rpoTimesMax: 3, beyond: 'refuse' };

/**
 * VM workgroups of 20: small enough that a datastore's VMs overlap their steps, large enough that
 * the journal stays small. Storage workgroups of 4: a slow group holds up three others at the most.
 */
export const defaultOptions: PlanOptions = {
  vmWorkgroupMax: 20,
  storageWorkgroupMax: 4,
  release: { kind: 'each' },
  priorityGates: true,
  limits: defaultLimits,
  liveMigration: false,
  lag: defaultLag,
};

/** Items in one workgroup: one verb call carries them all, and one journal entry names them. */
export const vmWorkgroupCeiling = 1_000;
export const storageWorkgroupCeiling = 256;

/** Workgroups in one batch. */
export const batchSizeMax = 10_000;

/** Times its RPO that a plan may let a pair lag: past it the guard guards nothing. */
export const rpoTimesCeiling = 1_000;

/** Tasks in flight that a plan may allow at one remote or step. */
export const inFlightCeiling = 10_000;

/** Times that a policy may repeat: past it a person must look. */
export const attemptsCeiling = 100;

/** Longest wait between two attempts: longer ones are a decision for a person. */
export const delayMsCeiling = 60 * 60_000;

/** Problems (and warnings) told at once: enough to work on, small enough to read and to send. */
export const findingsMax = 500;

/** Targets in one workgroup of a device run: a large request still spreads over several tasks. */
export const deviceWorkgroupMax = 16;
