/**
 * A run as a picture in text: one line per step, then what a person must know of the workgroups.
 *
 * Pure, so that tests read what an operator would see. A run of three workgroups shows each; a run
 * of a thousand shows the steps, everything that is not ordinary, and what the rest waits for.
 */
import {
  type Fault,
  FaultKind,
  FaultOwner,
  Mode,
  Unit,
} from '../../../proto/gen/siteswap/v1/common.ts';
import {
  Decision,
  type Run,
  RunResult,
  RunStatus,
  type RunStep,
  TaskStatus,
  type Workgroup,
} from '../../../proto/gen/siteswap/v1/run.ts';
import { ownerWords, wordOf } from '../enums.ts';
import type { Tone } from '../terminal.ts';
import { clockTime, count, duration, someOf } from '../words.ts';

/** What a picture is drawn on. */
export interface Canvas {
  readonly width: number;
  readonly nowMs: number;
  readonly tone: (tone: Tone, text: string) => string;
  /** Workgroups named one by one; the rest is counted. */
  readonly workgroupsMax: number;
}

const ordinary: ReadonlySet<TaskStatus> = new Set([
  TaskStatus.WAITING,
  TaskStatus.READY,
  TaskStatus.RUNNING,
  TaskStatus.OPERATING,
  TaskStatus.DONE,
]);

const tones: Readonly<Record<string, Tone>> = {
  succeeded: 'good',
  done: 'good',
  'done-elsewhere': 'good',
  healthy: 'good',
  success: 'good',
  synchronized: 'good',
  on: 'good',
  running: 'live',
  operating: 'live',
  undoing: 'live',
  ready: 'live',
  waiting: 'quiet',
  superseded: 'quiet',
  unknown: 'quiet',
  off: 'quiet',
  none: 'quiet',
  stuck: 'bad',
  stopped: 'bad',
  parked: 'bad',
  'parked-in-doubt': 'bad',
  incomplete: 'bad',
  failed: 'bad',
  'not-undone': 'bad',
  unreachable: 'bad',
  lost: 'bad',
  broken: 'bad',
  invalid: 'bad',
  'recovery-required': 'bad',
};

/** The colour of a status word: what needs no eye is green or quiet, what needs a person is red. */
export const statusTone = (word: string): Tone => tones[word] ?? 'warn';

/** The result of an ended run, else its status, as a word. */
export const outcomeOf = (run: { readonly status: RunStatus; readonly result: RunResult }) =>
  run.status === RunStatus.ENDED ? wordOf(RunResult, run.result) : wordOf(RunStatus, run.status);

const titles: Readonly<Record<string, string>> = {
  planned: 'planned failover',
  disaster: 'disaster failover',
  test: 'test failover',
  cleanup: 'cleanup of the test',
  fence: 'fencing of the returned site',
  reprotect: 'reprotect',
  device: 'device operation',
};

/** `planned failover of billing`. */
export const titleOf = (run: {
  readonly mode: Mode;
  readonly planId: string;
  readonly steps?: readonly { readonly name: string }[];
}): string => {
  const word = wordOf(Mode, run.mode);
  if (run.steps?.[0]?.name === 'begin-storage-migration') return 'storage migration';
  return `${titles[word] ?? word}${run.planId === '' ? '' : ` of ${run.planId}`}`;
};

/** One sentence for a fault, as an operator needs it: what, whose, the vendor's code. */
export const faultText = (fault: Fault): string => {
  const kind = wordOf(FaultKind, fault.kind);
  const code = fault.code === '' ? '' : ` [${fault.code}]`;
  const owner = ownerWords(wordOf(FaultOwner, fault.owner));
  return `${kind} (${owner}): ${fault.message}${code}`;
};

const head = (run: Run, canvas: Canvas): string[] => {
  const outcome = outcomeOf(run);
  const endMs = run.endTime?.getTime() ?? canvas.nowMs;
  const lasts = duration(endMs - (run.startTime?.getTime() ?? endMs));
  const way = run.recoverySiteId === '' ? '' : `  ${run.protectedSiteId} → ${run.recoverySiteId}`;
  const title = canvas.tone('strong', titleOf(run));
  return [
    `${title}${way}  ${canvas.tone(statusTone(outcome), outcome)}  ${lasts}`,
    canvas.tone('quiet', `run ${run.runId}`),
  ];
};

const barCells = 20;

const bar = (done: number, running: number, total: number, canvas: Canvas): string => {
  if (total === 0) return ' '.repeat(barCells);
  const full = Math.floor((done / total) * barCells);
  const half = Math.min(barCells - full, Math.ceil((running / total) * barCells));
  return [
    canvas.tone('good', '█'.repeat(full)),
    canvas.tone('live', '▒'.repeat(half)),
    canvas.tone('quiet', '░'.repeat(barCells - full - half)),
  ].join('');
};

const stepMark = (step: RunStep, canvas: Canvas): string => {
  if (step.workgroupsDone === step.workgroupsTotal) return canvas.tone('good', '✔');
  return step.workgroupsRunning > 0 ? canvas.tone('live', '▸') : canvas.tone('quiet', '·');
};

const stepLine = (step: RunStep, width: number, canvas: Canvas): string => {
  const { workgroupsDone: done, workgroupsTotal: total, workgroupsRunning: running } = step;
  const notes = [
    ...(running > 0 ? [canvas.tone('live', `${running} running`)] : []),
    ...(step.itemsFailed > 0 ? [canvas.tone('bad', `${step.itemsFailed} failed`)] : []),
  ];
  const share = `${done}/${total}`.padStart(9);
  const drawn = bar(done, running, total, canvas);
  const line = `${stepMark(step, canvas)} ${step.name.padEnd(width)} ${drawn}${share}`;
  return `${line}  ${notes.join(' · ')}`.trimEnd();
};

const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, Math.max(1, width - 1))}…` : text;

const reasonOf = (group: Workgroup): string =>
  [
    ...(group.attempt > 1 && !group.waitsFor.startsWith('attempt')
      ? [`attempt ${group.attempt}`]
      : []),
    ...(group.progress === undefined ? [] : [`${Math.round(group.progress * 100)} %`]),
    ...(group.waitsFor === '' ? [] : [group.waitsFor]),
    ...(group.fault === undefined ? [] : [faultText(group.fault)]),
  ].join(' · ');

const workgroupLine = (group: Workgroup, canvas: Canvas): string => {
  const whole = group.itemsLive === group.itemsTotal;
  const live = `${group.itemsLive}${whole ? '' : `/${group.itemsTotal}`}`;
  const noun = group.unit === Unit.VM ? 'VM' : 'group';
  const what = `${live} ${noun}${group.itemsTotal === 1 ? '' : 's'}`;
  const left = `  ${group.id.padEnd(5)} ${what.padEnd(11)} ${group.step.padEnd(19)} `;
  const word = wordOf(TaskStatus, group.status);
  const status = canvas.tone(statusTone(word), word.padEnd(11));
  const room = canvas.width - left.length - Math.max(11, word.length) - 1;
  return `${left}${status} ${cut(reasonOf(group), room)}`.trimEnd();
};

/** What the ordinary ones wait for, the commonest reason first. */
const waits = (groups: readonly Workgroup[], canvas: Canvas): string[] => {
  const by = new Map<string, number>();
  for (const { waitsFor } of groups) {
    if (waitsFor !== '') by.set(waitsFor, (by.get(waitsFor) ?? 0) + 1);
  }
  const reasons = [...by].sort(([, a], [, b]) => b - a);
  const lines = reasons
    .slice(0, 3)
    .map(([reason, amount]) => `  ${String(amount).padStart(5)} wait for ${reason}`);
  const left = reasons.slice(3).reduce((sum, [, amount]) => sum + amount, 0);
  if (left > 0) lines.push(`  ${String(left).padStart(5)} wait for something else`);
  return lines.map((line) => canvas.tone('quiet', cut(line, canvas.width)));
};

const workgroupLines = (run: Run, canvas: Canvas): string[] => {
  const open = run.workgroups.filter(({ status }) => status !== TaskStatus.DONE);
  if (open.length <= canvas.workgroupsMax) return open.map((group) => workgroupLine(group, canvas));
  const isOdd = ({ status, fault }: Workgroup) => !ordinary.has(status) || fault !== undefined;
  const odd = open.filter(isOdd);
  const lines = odd.slice(0, canvas.workgroupsMax).map((group) => workgroupLine(group, canvas));
  if (odd.length > lines.length) {
    const rest = odd.slice(lines.length).map(({ id }) => id);
    lines.push(canvas.tone('warn', cut(`  and ${someOf(rest, 8)}`, canvas.width)));
  }
  return [
    ...lines,
    ...waits(
      open.filter((group) => !isOdd(group)),
      canvas,
    ),
  ];
};

const decisionMeaning: Readonly<Record<string, string>> = {
  retry: 'try again what failed or stopped',
  skip: 'go on without what failed, or leave it not undone',
  rollback: 'undo what was done',
  abandon: 'end the run as it is',
};

/** How the run stands, in one line. */
export const outcomeLine = (run: Run, canvas: Canvas): string => {
  const outcome = outcomeOf(run);
  const endMs = run.endTime?.getTime() ?? canvas.nowMs;
  const lasts = duration(endMs - (run.startTime?.getTime() ?? endMs));
  const at = canvas.tone('quiet', clockTime(endMs));
  const report = outcome === 'succeeded' ? '' : `  siteswap report ${run.runId}`;
  const said = `${titleOf(run)}: ${canvas.tone(statusTone(outcome), outcome)} after ${lasts}`;
  return `${at} ${said}${canvas.tone('quiet', report)}`;
};

/** What the remote that failed advises, of the workgroup that a stopped run names first. */
const hintOf = ({ workgroups }: Run): string =>
  workgroups.find(({ status }) => needsPerson.has(status))?.fault?.hint ?? '';

const needsPerson: ReadonlySet<TaskStatus> = new Set([TaskStatus.STOPPED, TaskStatus.STUCK]);

/** What a person has to do, when there is something. */
export const attentionLines = (run: Run, canvas: Pick<Canvas, 'tone'>): string[] => {
  if (run.attention === '') return [];
  const lines = ['', canvas.tone('bad', `! ${run.attention}`)];
  const hint = hintOf(run);
  if (hint !== '') lines.push(`  ${hint}`);
  for (const decision of run.decisionsAllowed) {
    const word = wordOf(Decision, decision);
    const command = `siteswap resume ${run.runId} --decision ${word}`;
    lines.push(`  ${command}  ${canvas.tone('quiet', decisionMeaning[word] ?? '')}`);
  }
  return lines;
};

/** The whole picture. */
export const runLines = (run: Run, canvas: Canvas): string[] => {
  const width = Math.max(...run.steps.map(({ name }) => name.length), 8);
  const groups = workgroupLines(run, canvas);
  return [
    ...head(run, canvas),
    '',
    ...run.steps.map((step) => stepLine(step, width, canvas)),
    ...(groups.length === 0 ? [] : ['', ...groups]),
    ...attentionLines(run, canvas),
  ];
};

/** A line of a log, and the moment that it tells of: lines are told in the order of the moments. */
export interface LogLine {
  readonly atMs: number;
  readonly text: string;
}

/**
 * The steps that finished between two pictures, as lines of a log: for output that is not a
 * terminal, where nothing can be rewritten in place. `doneMs`: when, by step; a step that is not
 * in it was done before anybody listened.
 */
export const changeLines = (
  before: Run | undefined,
  run: Run,
  doneMs: ReadonlyMap<string, number>,
  canvas: Canvas,
): LogLine[] => {
  const known = new Map(before?.steps.map((step) => [step.name, step.workgroupsDone]));
  return run.steps
    .filter(({ name, workgroupsDone, workgroupsTotal }) => {
      return workgroupsDone === workgroupsTotal && known.get(name) !== workgroupsTotal;
    })
    .map(({ name, workgroupsTotal, itemsFailed }) => {
      const groups = count(workgroupsTotal, 'workgroup');
      const failed = itemsFailed === 0 ? '' : `, ${count(itemsFailed, 'item')} failed`;
      const atMs = doneMs.get(name) ?? 0;
      const at = canvas.tone('quiet', atMs === 0 ? 'earlier ' : clockTime(atMs));
      const much = canvas.tone('quiet', `${groups}${failed}`);
      return { atMs, text: `${at} ${canvas.tone('good', '✔')} ${name}  ${much}` };
    });
};
