/**
 * Fault recovery policies: what a fault leads to, as data.
 * Source: US 9,811,421 claim 1.
 */
import type { Fault, FaultKind } from '../../sdk/plugin/fault.ts';

/** How far STOP and ROLLBACK go. */
export const reaches = ['item', 'workgroup', 'protection-group', 'run'] as const;
export type Reach = (typeof reaches)[number];

export type PolicyAction =
  /** Record the failure; go on without the failed items and all that stands on them. */
  | { readonly action: 'continue' }
  /** The same items again under the same key, with growing delay; after the last attempt: STOP. */
  | {
      readonly action: 'rerun';
      readonly attemptsMax: number;
      readonly delayMsMin: number;
      readonly delayMsMax: number;
    }
  /** Nothing is undone; what comes after, within reach, waits for a person. */
  | { readonly action: 'stop'; readonly reach: Reach }
  /** Completed tasks within reach are undone in reverse order. */
  | { readonly action: 'rollback'; readonly reach: Reach };

export interface PolicyRule {
  /** Fault kinds it answers to; absent: all. */
  readonly kinds?: readonly FaultKind[];
  /** Vendor codes it answers to; absent: all. */
  readonly codes?: readonly string[];
  readonly do: PolicyAction;
}

/** The first rule that matches decides; `otherwise` when none does. */
export interface Policy {
  readonly rules: readonly PolicyRule[];
  readonly otherwise: PolicyAction;
}

export const stop = (reach: Reach = 'workgroup'): PolicyAction => ({ action: 'stop', reach });
export const rollback = (reach: Reach): PolicyAction => ({ action: 'rollback', reach });
export const goOn: PolicyAction = { action: 'continue' };
export const rerun = (bounds: {
  attemptsMax: number;
  delayMsMin: number;
  delayMsMax: number;
}): PolicyAction => ({ action: 'rerun', ...bounds });

/** STOP with reach workgroup: a person decides; nothing is repeated or undone. */
export const defaultPolicy: Policy = { rules: [], otherwise: stop() };

/** What `policy` says to do about `fault`. */
export const actionFor = (policy: Policy, fault: Fault): PolicyAction =>
  policy.rules.find(
    (rule) =>
      (rule.kinds === undefined || rule.kinds.includes(fault.kind)) &&
      (rule.codes === undefined || (fault.code !== undefined && rule.codes.includes(fault.code))),
  )?.do ?? policy.otherwise;
