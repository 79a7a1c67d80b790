/**
 * The steps' default policies.
 *
 * A fault reaches a policy only after settling, so `timeout`, `unreachable` and `interrupted` mean
 * here: the effect is proven absent. Trying again under the same key is then safe, and it is what
 * lets a run go on by itself after a crash or a short outage.
 */
import type { FaultKind } from '../../sdk/plugin/fault.ts';
import {
  type Policy,
  type PolicyAction,
  type PolicyRule,
  rerun,
  rollback,
  stop,
} from '../core/policy.ts';
import {
  awaitAttemptsMax,
  awaitDelayMsMax,
  awaitDelayMsMin,
  passingAttemptsMax,
  passingDelayMsMax,
  passingDelayMsMin,
} from './limits.ts';

/** Faults that pass by themselves, once settling has proven that nothing was done. */
export const passing = [
  'busy',
  'timeout',
  'unreachable',
  'interrupted',
] as const satisfies readonly FaultKind[];

const tryAgain: PolicyRule = {
  kinds: passing,
  do: rerun({
    attemptsMax: passingAttemptsMax,
    delayMsMin: passingDelayMsMin,
    delayMsMax: passingDelayMsMax,
  }),
};

const askAgain: PolicyRule = {
  kinds: passing,
  do: rerun({
    attemptsMax: awaitAttemptsMax,
    delayMsMin: awaitDelayMsMin,
    delayMsMax: awaitDelayMsMax,
  }),
};

/** What passes is tried again; anything else waits for a person. */
export const patient = (otherwise: PolicyAction = stop()): Policy => ({
  rules: [tryAgain],
  otherwise,
});

/**
 * For changes of role: when the storage says no, half a protection group on each side is worse
 * than none moved, so what was moved goes back.
 */
export const allOrNothing: Policy = {
  rules: [tryAgain, { kinds: ['refused', 'conflict'], do: rollback('protection-group') }],
  otherwise: stop(),
};

/** For steps that wait for a state to show: asked often, for a short time. */
export const watchful = (otherwise: PolicyAction): Policy => ({ rules: [askAgain], otherwise });
