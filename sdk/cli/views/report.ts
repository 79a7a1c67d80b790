/**
 * A run's report for people: first how it went, then what did not go well, then where time went.
 */
import { Unit } from '../../../proto/gen/siteswap/v1/common.ts';
import {
  ItemOutcome,
  type ItemReport,
  type RunReport,
  type StepTiming,
} from '../../../proto/gen/siteswap/v1/run.ts';
import { wordOf } from '../enums.ts';
import { type Terminal, table } from '../terminal.ts';
import { count, dateTime, duration } from '../words.ts';
import { faultText, outcomeOf, statusTone, titleOf } from './run.ts';

type Ink = Pick<Terminal, 'tone'>;

/** Items listed one by one before the rest is counted. `--all` and `--json` have every one. */
const itemsShownMax = 40;

const dash = '–';
const maybe = (ms: number | undefined): string => (ms === undefined ? dash : duration(ms));

/** The age of what was promoted: whatever was lost is younger. */
const atMost = (ms: number | undefined): string => `${ms ? 'at most ' : ''}${maybe(ms)}`;

const lossText = ({ dataLossMs, expectedLossMs }: RunReport): string =>
  expectedLossMs === undefined
    ? atMost(dataLossMs)
    : `${atMost(dataLossMs)} (expected at the start: ${duration(expectedLossMs)})`;

const facts = (report: RunReport, ink: Ink): string[] => {
  const { run } = report;
  if (run === undefined) return [];
  const outcome = outcomeOf(run);
  const byOutcome = new Map<string, number>();
  for (const item of report.items) {
    const word = `${wordOf(ItemOutcome, item.outcome)}`;
    byOutcome.set(word, (byOutcome.get(word) ?? 0) + 1);
  }
  const items = [...byOutcome]
    .map(([word, amount]) => ink.tone(statusTone(word), `${amount} ${word}`))
    .join(', ');
  const rows: (readonly [string, string])[] = [
    ['result', ink.tone(statusTone(outcome), outcome)],
    ['run', run.runId],
    ['by', run.requester],
    ['started', dateTime(run.startTime?.getTime() ?? 0)],
    ['took', duration(report.durationMs)],
    ['recovery time', maybe(report.recoveryTimeMs)],
    ...(report.interruptionMs === undefined
      ? []
      : [
          [
            'interruption',
            `${duration(report.interruptionMs)}, of VMs that went over live`,
          ] as const,
        ]),
    ['data loss', lossText(report)],
    ['items', `${report.itemsTotal}${items === '' ? '' : `: ${items}`}`],
  ];
  const injected = Object.entries(report.injected);
  if (injected.length > 0) {
    const rules = injected.map(([rule, attempts]) => `${rule} (${count(attempts, 'attempt')})`);
    rows.push(['INJECTED', `failures on purpose: ${rules.join(', ')}`]);
  }
  if (report.refusedCalls > 0) {
    rows.push(['refused', `${count(report.refusedCalls, 'call')} to a lost site, never made`]);
  }
  return [
    ink.tone('strong', titleOf(run)),
    ...rows.map(([name, value]) => `  ${ink.tone('quiet', name.padEnd(14))} ${value}`),
  ];
};

const itemRow = (item: ItemReport, ink: Ink): string[] => {
  const outcome = wordOf(ItemOutcome, item.outcome);
  const why = [
    ...(item.fault === undefined ? [] : [faultText(item.fault)]),
    ...(item.why === '' || item.why === item.fault?.message ? [] : [item.why]),
  ].join(' · ');
  return [
    item.itemId,
    item.unit === Unit.VM ? 'VM' : 'group',
    item.protectionGroupId,
    item.workgroupId,
    ink.tone(statusTone(outcome), outcome),
    item.interruptionMs === undefined
      ? maybe(item.recoveryTimeMs)
      : `live, ${duration(item.interruptionMs)}`,
    maybe(item.dataLossMs),
    why,
  ];
};

const itemTable = (items: readonly ItemReport[], ink: Ink): string =>
  table(
    ink,
    [
      'item',
      'is',
      'protection group',
      'workgroup',
      'outcome',
      { title: 'recovery time', align: 'right' },
      { title: 'data loss', align: 'right' },
      'why',
    ],
    items.map((item) => itemRow(item, ink)),
  );

const stepTable = (steps: readonly StepTiming[], ink: Ink): string => {
  const startMs = Math.min(...steps.map((step) => step.firstStartTime?.getTime() ?? Infinity));
  const since = (at: Date | undefined) => (at === undefined ? dash : duration(+at - startMs));
  return table(
    ink,
    [
      'step',
      { title: 'tasks', align: 'right' },
      { title: 'attempts', align: 'right' },
      { title: 'from', align: 'right' },
      { title: 'to', align: 'right' },
      { title: 'busy', align: 'right' },
    ],
    steps.map((step) => [
      step.name,
      String(step.tasks),
      String(step.attempts),
      since(step.firstStartTime),
      since(step.lastEndTime),
      duration(step.busyMs),
    ]),
  );
};

/** By this run, or by another that was open together with it. */
export const isDone = (outcome: ItemOutcome): boolean =>
  outcome === ItemOutcome.DONE || outcome === ItemOutcome.DONE_ELSEWHERE;

/** The whole report. Items that did not end well come first. */
export const reportText = (report: RunReport, ink: Ink, all: boolean): string => {
  const well = (item: ItemReport) => isDone(item.outcome);
  const ordered = [
    ...report.items.filter((item) => !well(item)),
    ...report.items.filter((item) => well(item)),
  ];
  const shown = all ? ordered : ordered.slice(0, itemsShownMax);
  const rest = ordered.length - shown.length;
  const sections = [facts(report, ink).join('\n')];
  if (shown.length > 0) sections.push(itemTable(shown, ink));
  if (rest > 0) sections.push(ink.tone('quiet', `and ${rest} more: --all or --json shows them`));
  if (report.steps.length > 0) sections.push(stepTable(report.steps, ink));
  return sections.join('\n\n');
};
