/** Runs and reports: core → contract. */
import { Reach } from '../../proto/gen/siteswap/v1/common.ts';
import {
  type ItemReport as ItemReportMessage,
  type Run,
  type RunReport as RunReportMessage,
  RunResult as RunResultValue,
  type RunSummary as RunSummaryMessage,
  type Workgroup,
} from '../../proto/gen/siteswap/v1/run.ts';
import type { RunResult } from '../core/entries.ts';
import type {
  ItemNote,
  ItemReport,
  RunReport,
  RunSummary,
  RunView,
  StepTiming,
  StepView,
  WorkgroupView,
} from '../core/view.ts';
import { momentTo } from './translate-inventory.ts';
import { faultTo, policyTo } from './translate-policy.ts';
import {
  decisions,
  modes,
  outcomes,
  reaches,
  results,
  sides,
  statuses,
  tasks,
  units,
} from './vocabulary.ts';

/** The wire takes whole numbers that are not negative; clocks that were set back give others. */
const wholeMs = (ms: number): number => Math.max(0, Math.round(ms));
const optionalMs = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : wholeMs(ms);

const resultTo = (result: RunResult | undefined): RunResultValue =>
  result ? results.encode(result) : RunResultValue.UNSPECIFIED;

export const summaryTo = (run: RunSummary): RunSummaryMessage => ({
  runId: run.runId,
  planId: run.planId,
  mode: modes.encode(run.mode),
  status: statuses.encode(run.status),
  result: resultTo(run.result),
  requester: run.requester,
  startTime: new Date(run.startedAtMs),
  endTime: momentTo(run.endedAtMs),
  about: run.about ?? '',
});

const stepTo = (step: StepView) => ({
  name: step.name,
  unit: units.encode(step.unit),
  side: sides.encode(step.side),
  policy: policyTo(step.policy),
  workgroupsTotal: step.workgroupsTotal,
  workgroupsDone: step.workgroupsDone,
  workgroupsRunning: step.workgroupsRunning,
  itemsDone: step.itemsDone,
  itemsFailed: step.itemsFailed,
});

const workgroupTo = (group: WorkgroupView): Workgroup => ({
  id: group.id,
  unit: units.encode(group.unit),
  protectionGroupId: group.protectionGroupId,
  priority: group.priority,
  itemsTotal: group.itemsTotal,
  itemsLive: group.itemsLive,
  itemsDropped: group.itemsDropped,
  step: group.stepName,
  stepIndex: Math.max(0, group.step),
  status: tasks.encode(group.status),
  attempt: group.attempt,
  waitsFor: group.waitsFor,
  fault: group.fault && faultTo(group.fault),
  progress: group.progress,
});

const noteTo = (note: ItemNote) => ({
  itemId: note.itemId,
  workgroupId: note.workgroupId,
  step: note.step,
  outcome: outcomes.encode(note.state),
  fault: note.fault && faultTo(note.fault),
  why: note.why,
});

export const runTo = (run: RunView): Run => ({
  runId: run.runId,
  planId: run.planId,
  mode: modes.encode(run.mode),
  status: statuses.encode(run.status),
  result: resultTo(run.result),
  supersededBy: run.supersededBy ?? '',
  requester: run.requester,
  requestKey: run.requestKey,
  initiatorId: run.initiatorId,
  startTime: new Date(run.startedAtMs),
  endTime: momentTo(run.endedAtMs),
  protectedSiteId: run.protectedSiteId,
  recoverySiteId: run.recoverySiteId,
  steps: run.steps.map(stepTo),
  workgroups: run.workgroups.map(workgroupTo),
  workgroupsTotal: run.workgroupsTotal,
  attention: run.attention,
  decisionsAllowed: run.decisionsAllowed.map(decisions.encode),
  reach: run.reach ? reaches.encode(run.reach) : Reach.UNSPECIFIED,
  notes: run.notes.map(noteTo),
  notesTotal: run.notesTotal,
  cursor: run.cursor,
});

const itemTo = (item: ItemReport): ItemReportMessage => ({
  itemId: item.itemId,
  unit: units.encode(item.unit),
  protectionGroupId: item.protectionGroupId,
  workgroupId: item.workgroupId,
  outcome: outcomes.encode(item.outcome),
  recoveryTimeMs: optionalMs(item.recoveryTimeMs),
  interruptionMs: optionalMs(item.interruptionMs),
  recoveryPointTime: momentTo(item.recoveryPointAtMs),
  dataLossMs: optionalMs(item.dataLossMs),
  evidence: { ...item.evidence },
  fault: item.fault && faultTo(item.fault),
  why: item.why,
  expectedLossMs: optionalMs(item.expectedLossMs),
  doneTime: momentTo(item.doneAtMs),
  recoveryPointSaidBy: item.recoveryPointBy ?? '',
});

const timingTo = (step: StepTiming) => ({
  name: step.name,
  tasks: step.tasks,
  attempts: step.attempts,
  firstStartTime: momentTo(step.firstStartMs),
  lastEndTime: momentTo(step.lastEndMs),
  busyMs: wholeMs(step.busyMs),
});

/** `items`: the page of them that is told. */
export const reportTo = (report: RunReport, items: readonly ItemReport[]): RunReportMessage => ({
  run: summaryTo(report.run),
  durationMs: wholeMs(report.durationMs),
  recoveryTimeMs: optionalMs(report.recoveryTimeMs),
  interruptionMs: optionalMs(report.interruptionMs),
  dataLossMs: optionalMs(report.dataLossMs),
  expectedLossMs: optionalMs(report.expectedLossMs),
  items: items.map(itemTo),
  steps: report.steps.map(timingTo),
  refusedCalls: report.refusedCalls,
  injected: { ...report.injected },
  itemsTotal: report.items.length,
});
