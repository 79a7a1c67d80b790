import test from 'ava';
import {
  FaultKind,
  FaultOwner,
  Mode,
  PolicyActionType,
  Reach,
  Unit,
} from '../../proto/gen/siteswap/v1/common.ts';
import {
  Decision,
  ItemOutcome,
  Run,
  RunEvent,
  RunEventType,
  RunReport,
  RunStatus,
  TaskDirection,
  TaskStatus,
  Workgroup,
} from '../../proto/gen/siteswap/v1/run.ts';
import { jsonLine } from '../../sdk/cli/json.ts';
import { tellingLines, tellingOf } from '../../sdk/cli/views/event.ts';
import { reportText } from '../../sdk/cli/views/report.ts';
import { changeLines, runLines } from '../../sdk/cli/views/run.ts';
import { ago, duration, size } from '../../sdk/cli/words.ts';

const canvas = {
  width: 110,
  nowMs: 62_000,
  tone: (_: string, text: string) => text,
  workgroupsMax: 6,
};

const step = (name: string, done: number, total: number, running = 0) => ({
  name,
  workgroupsDone: done,
  workgroupsTotal: total,
  workgroupsRunning: running,
});

const group = (fields: Partial<Workgroup>): Workgroup =>
  Workgroup.fromPartial({ unit: Unit.VM, itemsTotal: 3, itemsLive: 3, attempt: 1, ...fields });

const busy = {
  kind: FaultKind.BUSY,
  owner: FaultOwner.ARRAY,
  message: 'array-b is rebuilding',
  code: 'E42',
  hint: '',
  members: [],
};

const run = (fields: Partial<Run>): Run =>
  Run.fromPartial({
    runId: 'run-1',
    planId: 'billing',
    mode: Mode.PLANNED,
    status: RunStatus.RUNNING,
    startTime: new Date(20_000),
    protectedSiteId: 'east',
    recoverySiteId: 'west',
    ...fields,
  });

test('run view: few workgroups → each with its step and what it waits for', (t) => {
  const steps = [step('sync', 2, 2), step('power-on', 1, 3, 1)];
  const workgroups = [
    group({ id: 'v1', step: 'power-on', status: TaskStatus.RUNNING }),
    group({ id: 'v2', step: 'power-on', status: TaskStatus.WAITING, waitsFor: 'priority 1: v1' }),
    group({ id: 'v3', step: 'power-on', status: TaskStatus.DONE }),
  ];
  t.deepEqual(runLines(run({ steps, workgroups } as Partial<Run>), canvas), [
    'planned failover of billing  east → west  running  42 s',
    'run run-1',
    '',
    '✔ sync     ████████████████████      2/2',
    '▸ power-on ██████▒▒▒▒▒▒▒░░░░░░░      1/3  1 running',
    '',
    '  v1    3 VMs       power-on            running',
    '  v2    3 VMs       power-on            waiting     priority 1: v1',
  ]);
});

test('run view (workgroups=1000) → steps, the odd ones by name, what the rest waits for', (t) => {
  const workgroups = Array.from({ length: 1_000 }, (_, at) =>
    group({
      id: `v${at + 1}`,
      step: 'power-on',
      status: TaskStatus.WAITING,
      waitsFor: at < 700 ? 'priority 1' : 'a free place at compute-west',
    }),
  );
  const odd = { status: TaskStatus.BACKING_OFF, attempt: 3, waitsFor: 'retry in 4 s', fault: busy };
  for (const at of [3, 500]) Object.assign(workgroups[at] as Workgroup, odd);
  const steps = [step('power-on', 0, 1_000)];
  const lines = runLines(run({ steps, workgroups } as Partial<Run>), canvas);
  t.deepEqual(lines.slice(5), [
    '  v4    3 VMs       power-on            backing-off attempt 3 · retry in 4 s · busy (array or compute): array…',
    '  v501  3 VMs       power-on            backing-off attempt 3 · retry in 4 s · busy (array or compute): array…',
    '    698 wait for priority 1',
    '    300 wait for a free place at compute-west',
  ]);
});

test('run view: parked → why, and one command for each decision', (t) => {
  const lines = runLines(
    run({
      status: RunStatus.PARKED,
      attention: 'promote-target of s1 was stopped',
      decisionsAllowed: [Decision.RETRY, Decision.ROLLBACK],
    }),
    canvas,
  );
  t.deepEqual(lines.slice(-3), [
    '! promote-target of s1 was stopped',
    '  siteswap resume run-1 --decision retry  try again what failed or stopped',
    '  siteswap resume run-1 --decision rollback  undo what was done',
  ]);
});

test('run log: a step that finished → one line, once', (t) => {
  const first = run({ steps: [step('sync', 1, 2)] } as Partial<Run>);
  const ended = run({ steps: [step('sync', 2, 2)] } as Partial<Run>);
  const text = '✔ sync  2 workgroups';
  const at = new Map([['sync', 30_000]]);
  t.deepEqual(changeLines(undefined, first, at, canvas), []);
  const [line] = changeLines(first, ended, at, canvas);
  t.is(line?.atMs, 30_000);
  t.regex(line?.text ?? '', new RegExp(`^\\d\\d:\\d\\d:30 ${text}$`));
  const earlier = [{ atMs: 0, text: `earlier  ${text}` }];
  t.deepEqual(changeLines(undefined, ended, new Map(), canvas), earlier);
  t.deepEqual(changeLines(ended, ended, at, canvas), []);
});

/** Without their times. */
const lines = (events: readonly Partial<RunEvent>[]): readonly string[] =>
  tellingLines(
    events.flatMap((fields) => tellingOf(RunEvent.fromPartial(fields)) ?? []),
    canvas,
  ).map(({ text }) => text.slice(9));

test('events: a rollback → each step that was undone, and what was not, with the fault', (t) => {
  const undo = { type: RunEventType.TASK_OUTCOME, direction: TaskDirection.UNDO };
  const fault = { ...busy, message: 'later', code: 'E7' };
  t.deepEqual(
    lines([
      { ...undo, workgroupId: 'v1', step: 'power-on', itemsDone: 2 },
      { ...undo, workgroupId: 'v2', step: 'power-on', itemsDone: 1 },
      { ...undo, workgroupId: 's1', step: 'mount', faults: [{ itemIds: ['cg-1'], fault }] },
      {
        ...undo,
        workgroupId: 's1',
        step: 'mount',
        faults: [{ itemIds: ['cg-1'], fault }],
        attempt: 2,
      },
      { ...undo, direction: TaskDirection.RUN, workgroupId: 's1', step: 'sync', itemsDone: 1 },
    ]),
    [
      '↶ v1, v2 power-on: undone',
      '! s1 mount: cg-1: not undone: busy (array or compute): later [E7]',
    ],
  );
});

test('events: who waits for another run, skips what it did, or is not undone for its sake', (t) => {
  const at = { workgroupId: 'v1', step: 'shut-down' };
  const { CLAIM_WAITS, DONE_ELSEWHERE, UNDO_REFUSED } = RunEventType;
  const about = { itemIds: ['vm-1'], byRunId: 'first' };
  t.deepEqual(
    lines([
      { ...at, type: CLAIM_WAITS, runIds: ['first', 'second'], reason: 'parked: second' },
      { ...at, type: CLAIM_WAITS, runIds: [] },
      { ...at, ...about, type: DONE_ELSEWHERE },
      { ...at, ...about, type: UNDO_REFUSED },
    ]),
    [
      '! v1 shut-down: waits for run first, run second (parked: second)',
      '! v1 shut-down: vm-1: skipped, for run first did it',
      '! v1 shut-down: vm-1: not undone, for run first counts it as done',
    ],
  );
});

test('events: what differs in workgroup and VM alone is one line', (t) => {
  const skipped = (at: number, step = 'power-on'): Partial<RunEvent> => ({
    type: RunEventType.POLICY_APPLIED,
    workgroupId: `v${at}`,
    step,
    itemIds: [`vm-${at}`],
    faults: [{ itemIds: [`vm-${at}`], fault: { ...busy, message: `vm-${at} is locked` } }],
    action: {
      type: PolicyActionType.CONTINUE,
      reach: Reach.UNSPECIFIED,
      attemptsMax: 0,
      delayMsMin: 0,
      delayMsMax: 0,
    },
  });
  const text = (at: number) => `busy (array or compute): vm-${at} is locked [E42] → continue`;
  t.deepEqual(
    lines([...Array.from({ length: 30 }, (_, at) => skipped(at)), skipped(31, 'register')]),
    [
      `! v0, v1, v2 and 27 more power-on: vm-0, vm-1, vm-2 and 27 more: ${text(0)}`,
      `! v31 register: vm-31: ${text(31)}`,
    ],
  );
});

test('events: faults and decisions are told, reruns and ordinary outcomes are not', (t) => {
  const told = (fields: Partial<RunEvent>) =>
    lines([{ workgroupId: 's1', step: 'sync', ...fields }])[0];
  const applied = (type: PolicyActionType) => ({
    type: RunEventType.POLICY_APPLIED,
    itemIds: ['cg-1'],
    faults: [{ itemIds: ['cg-1'], fault: busy }],
    action: { type, reach: Reach.RUN, attemptsMax: 3, delayMsMin: 0, delayMsMax: 0 },
  });
  t.is(
    told(applied(PolicyActionType.ROLLBACK)),
    '! s1 sync: cg-1: busy (array or compute): array-b is rebuilding [E42] → rollback run',
  );
  t.is(told(applied(PolicyActionType.RERUN)), undefined);
  t.is(told({ type: RunEventType.TASK_OUTCOME }), undefined);
  t.is(
    told({
      type: RunEventType.RUN_RESUMED,
      workgroupId: '',
      requester: 'ann',
      decision: Decision.SKIP,
    }),
    '! ann decided: skip',
  );
});

test('report: what went wrong comes first, with recovery time and data loss', (t) => {
  const report = RunReport.fromPartial({
    run: { runId: 'run-1', planId: 'billing', mode: Mode.DISASTER, status: RunStatus.ENDED },
    durationMs: 12_400,
    recoveryTimeMs: 8_200,
    dataLossMs: 1_500,
    itemsTotal: 2,
    items: [
      {
        itemId: 'db-1',
        unit: Unit.VM,
        outcome: ItemOutcome.DONE,
        recoveryTimeMs: 8_200,
      },
      { itemId: 'db-2', unit: Unit.VM, outcome: ItemOutcome.FAILED, fault: busy },
    ],
    refusedCalls: 3,
  });
  const text = reportText(report, canvas, false);
  t.regex(text, /^disaster failover of billing\n/);
  t.regex(text, /recovery time {2}8\.2 s\n {2}data loss {6}at most 1\.5 s/);
  t.regex(text, /3 calls to a lost site, never made/);
  t.true(text.indexOf('db-2') < text.indexOf('db-1'));
});

test('json: a oneof stands as its chosen field, moments are ISO, nothing is lost', (t) => {
  const message = {
    targetId: 'cg-1',
    outcome: { $case: 'fault', value: { kind: 'FAULT_KIND_BUSY', members: [] } },
    at: new Date(0),
    none: undefined,
  };
  t.is(
    jsonLine(message),
    '{"targetId":"cg-1","fault":{"kind":"FAULT_KIND_BUSY","members":[]},"at":"1970-01-01T00:00:00.000Z"}',
  );
});

test('words: sizes, durations and ages → as people say them', (t) => {
  t.deepEqual([size(0), size(1_536), size(64 * 2 ** 30)], ['0 B', '1.5 KiB', '64 GiB']);
  t.deepEqual([0, 950, 12_400, 83_000, 7_260_000].map(duration), [
    '0 s',
    '0.95 s',
    '12 s',
    '1 min 23 s',
    '2 h 1 min',
  ]);
  t.deepEqual([ago(0, 5), ago(1_000, 4_900)], ['–', '3 s ago']);
});
