/** Every enum of the contract, beside the core words that it spells. */
import { faultKinds, faultOwners } from '../../sdk/plugin/fault.ts';
import { departures, executions } from '../../sdk/plugin/migration.ts';
import { pairStates } from '../../sdk/plugin/model.ts';
import { decisions as decisionWords, runResults } from '../core/entries.ts';
import { paths as pathWords } from '../core/frozen.ts';
import { lostVerdicts } from '../core/migration.ts';
import { sidesVerdicts } from '../core/migration-sides.ts';
import { modes as modeWords } from '../core/plan.ts';
import { reaches as reachWords } from '../core/policy.ts';
import { divergedChoices as divergedWords } from '../core/recovery.ts';
import { runStatuses, taskStatuses } from '../core/view.ts';
import { words } from './words.ts';

export const kinds = words('FAULT_KIND', faultKinds);
export const owners = words('FAULT_OWNER', faultOwners);
/** With `device`: for answers; requests take `planModes`. */
export const modes = words('MODE', [...modeWords, 'device'] as const);
export const planModes = words('MODE', modeWords);
export const units = words('UNIT', ['storage', 'vm'] as const);
export const sides = words('SIDE', ['protected', 'recovery'] as const);
export const actions = words('POLICY_ACTION_TYPE', [
  'continue',
  'rerun',
  'stop',
  'rollback',
] as const);
export const reaches = words('REACH', reachWords);

export const remoteKinds = words('REMOTE_KIND', ['array', 'compute'] as const);
export const remoteHealths = words('REMOTE_HEALTH', [
  'unknown',
  'healthy',
  'unreachable',
  'lost',
] as const);
export const directions = words('DIRECTION', [
  'outgoing',
  'incoming',
  'stretched',
  'none',
] as const);
export const accesses = words('ACCESS', ['read-write', 'read-only'] as const);
export const updateModes = words('UPDATE_MODE', [
  'active',
  'synchronous',
  'asynchronous',
  'adaptive',
] as const);
export const pairs = words('PAIR_STATE', pairStates);
export const powers = words('POWER_STATE', ['on', 'off'] as const);
export const instances = words('INSTANCE', ['production', 'test'] as const);

export const planStates = words('PLAN_STATE', [
  'ready',
  'testing',
  'tested',
  'failed-over',
  'running',
  'parked',
  'recovery-required',
  'partly-failed-over',
] as const);
export const recoveryStates = words('RECOVERY_STATE', ['site-lost', 'required', 'fenced'] as const);
export const differenceKinds = words('DIFFERENCE_KIND', [
  'role',
  'mount',
  'registration',
  'power',
] as const);
export const divergedChoices = words('DIVERGED_CHOICE', divergedWords);
export const undos = words('UNDO', ['undo', 'nothing-to-undo', 'stays', 'no-return'] as const);
export const paths = words('PATH', pathWords);
export const lagActions = words('LAG_ACTION', ['refuse', 'warn'] as const);
export const gateKinds = words('GATE_KIND', [
  'stands-on',
  'dependency',
  'priority',
  'batch',
] as const);

export const statuses = words('RUN_STATUS', runStatuses);
export const results = words('RUN_RESULT', runResults);
export const tasks = words('TASK_STATUS', taskStatuses);
export const decisions = words('DECISION', decisionWords);
export const taskDirections = words('TASK_DIRECTION', ['run', 'undo'] as const);
export const outcomes = words('ITEM_OUTCOME', [
  'done',
  'failed',
  'dropped',
  'stopped',
  'in-doubt',
  'undone',
  'not-undone',
  'done-elsewhere',
] as const);
export const syncStates = words('SYNC_STATE', ['in-progress', 'complete', 'none'] as const);

export const verdicts = words('MIGRATION_VERDICT', [...lostVerdicts, ...sidesVerdicts] as const);
export const executionWords = words('EXECUTION', executions);
export const departureWords = words('DEPARTURE', departures);

/** Every type of journal entry is a type of event. */
export const eventTypes = words('RUN_EVENT_TYPE', [
  'run-started',
  'task-started',
  'task-prepared',
  'task-accepted',
  'task-outcome',
  'task-settled',
  'task-interrupted',
  'task-withdrawn',
  'policy-applied',
  'call-refused',
  'run-cancel-requested',
  'run-parked',
  'run-resumed',
  'run-site-lost',
  'run-site-reachable',
  'run-taken-over',
  'run-ended',
  'claim-waits',
  'done-elsewhere',
  'undo-refused',
] as const);
