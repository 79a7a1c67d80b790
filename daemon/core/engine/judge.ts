/** What the policy makes of a task's faults: the entries that say so. */
import type { Fault } from '../../../sdk/plugin/fault.ts';
import type { PolicyApplied } from '../entries.ts';
import { actionFor, type PolicyAction, stop } from '../policy.ts';
import { encodeRanges } from '../ranges.ts';
import { retryDelayMs } from './retry.ts';
import { pastReturn, within } from './rollback.ts';
import type { Group, RunState } from './state.ts';
import { stepAt } from './state.ts';

interface Verdict {
  readonly action: PolicyAction;
  readonly because?: string;
}

/** Mildest first: what goes on is decided before what ends. */
const order: readonly PolicyAction['action'][] = ['continue', 'rerun', 'stop', 'rollback'];

/** What a person can do about a lost site, in a run that is not itself what is done about it. */
export const wayOut = ({ frozen }: RunState): string =>
  frozen.mode === 'disaster' ? '' : '; a disaster run can supersede this run';

/** The action for one fault, as it can be applied here and now. */
const verdictOn = (state: RunState, group: Group, fault: Fault): Verdict => {
  const step = state.steps[stepAt(group)];
  if (fault.code === 'SITE_LOST') {
    return { action: stop(), because: `${fault.message}${wayOut(state)}` };
  }
  const action = step === undefined ? stop() : actionFor(step.policy, fault);
  if (action.action === 'rerun' && group.tries >= action.attemptsMax) {
    return { action: stop(), because: `${fault.message} (after ${group.tries} attempts)` };
  }
  if (action.action !== 'rollback') return { action };
  const instead = noWayBack(state, group, action);
  return instead === undefined ? { action } : { action: stop(action.reach), because: instead };
};

/** Why a rollback is not possible here, if it is not. */
const noWayBack = (
  state: RunState,
  group: Group,
  action: Extract<PolicyAction, { action: 'rollback' }>,
): string | undefined => {
  const past = pastReturn(state, within(state, group, action.reach));
  if (past !== undefined) {
    return `${past.id} is past its point of no return: finish, then reprotect and fail back`;
  }
  const lost = [...state.lostSites][0];
  return lost === undefined
    ? undefined
    : `site ${lost} is lost, nothing there can be undone${wayOut(state)}`;
};

/** The entries for the mildest kind of action that a judging workgroup's faults call for. */
export const judge = (state: RunState, group: Group, now: number): readonly PolicyApplied[] => {
  const lots = new Map<Fault, { verdict: Verdict; positions: number[] }>();
  for (const [position, fault] of group.task.faulted) {
    const lot = lots.get(fault);
    if (lot !== undefined) lot.positions.push(position);
    else lots.set(fault, { verdict: verdictOn(state, group, fault), positions: [position] });
  }
  for (const kind of order) {
    const chosen = [...lots].filter(([, { verdict }]) => verdict.action.action === kind);
    if (chosen.length === 0) continue;
    const entries = chosen.map(([fault, { verdict, positions }]) =>
      policyEntry(state, group, now, { fault, verdict, positions }),
    );
    return kind === 'rollback' ? [mergeRollback(entries, group)] : entries;
  }
  return [];
};

/** One rollback covers all that failed: its first cause is kept. */
const mergeRollback = (entries: readonly PolicyApplied[], group: Group): PolicyApplied => ({
  ...(entries[0] as PolicyApplied),
  items: encodeRanges([...group.task.faulted.keys()].sort((one, other) => one - other)),
});

export const policyEntry = (
  state: RunState,
  group: Group,
  now: number,
  what: { fault: Fault; verdict: Verdict; positions: readonly number[] },
): PolicyApplied => {
  const { fault, verdict, positions } = what;
  const { action, because } = verdict;
  const coordinates = `${state.started.runId}/${group.id}/${stepAt(group)}`;
  return {
    type: 'policy-applied',
    at: now,
    group: group.index,
    step: stepAt(group),
    direction: 'run',
    attempt: group.task.attempt,
    items: encodeRanges([...positions].sort((one, other) => one - other)),
    fault,
    action,
    ...(because === undefined ? {} : { because }),
    ...(action.action === 'rerun'
      ? { retryAtMs: now + retryDelayMs(group.tries, action, coordinates) }
      : {}),
  };
};
