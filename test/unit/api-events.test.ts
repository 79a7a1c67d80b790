import test from 'ava';
import { EventEncoder, eventOf } from '../../daemon/api/translate-events.ts';
import type { Entry } from '../../daemon/core/entries.ts';
import type { RunDescription } from '../../daemon/runner/service.ts';
import { type RunEvent, WatchRunResponse } from '../../proto/gen/siteswap/v1/run.ts';
import { frozenRun } from '../_support/samples.ts';

const at = Date.UTC(2026, 4, 3);
const task = { at, group: 1, step: 0, direction: 'undo', attempt: 2 } as const;
const fault = { kind: 'busy', owner: 'array', message: 'cg-7 is busy', code: 'E7' } as const;
const names = {
  steps: ['sync', 'promote-target'],
  workgroups: [
    { id: 's1', itemIds: ['cg-1'] },
    { id: 's2', itemIds: ['cg-5', 'cg-6', 'cg-7'] },
  ],
};
const faultMessage = {
  kind: 'FAULT_KIND_BUSY',
  owner: 'FAULT_OWNER_ARRAY',
  message: 'cg-7 is busy',
  code: 'E7',
  hint: '',
  members: [],
};

/** Entry, and the fields of its event beyond cursor, time and type. */
const cases: readonly [Entry, Partial<Record<keyof RunEvent, unknown>>][] = [
  [
    {
      type: 'run-started',
      at,
      runId: 'r1',
      requester: 'ann',
      requestKey: 'k',
      initiatorId: 'i1',
      frozen: frozenRun('erp'),
      lostSites: ['east'],
    },
    {
      planId: 'erp',
      mode: 'MODE_PLANNED',
      requester: 'ann',
      initiatorId: 'i1',
      siteIds: ['east'],
    },
  ],
  [
    { ...task, type: 'task-started', items: '0,2', injections: [{ rule: 'slow-array' }] },
    { itemIds: ['cg-5', 'cg-7'], itemsCount: 2, injections: ['slow-array'] },
  ],
  [{ ...task, type: 'task-started' }, {}],
  [{ ...task, type: 'task-prepared', before: { 0: 'outgoing', 1: 'none' } }, { itemsCount: 2 }],
  [
    { ...task, type: 'task-accepted', operations: [{ item: 1, operation: 'job 9' }] },
    { operations: [{ itemId: 'cg-6', operation: 'job 9' }] },
  ],
  [
    {
      ...task,
      type: 'task-outcome',
      done: '0-1',
      faults: [{ items: '2', fault }],
      evidence: { 0: { bootId: 'b1', atMs: 5, forced: true } },
    },
    {
      itemsDone: 2,
      faults: [{ itemIds: ['cg-7'], fault: faultMessage }],
      evidence: [{ itemId: 'cg-5', facts: { bootId: 'b1', atMs: 5, forced: true } }],
    },
  ],
  [
    {
      ...task,
      type: 'task-settled',
      done: '0',
      absent: [{ items: '2', fault }],
      unknowable: [{ items: '1', why: 'the site is lost' }],
    },
    {
      itemsDone: 1,
      faults: [{ itemIds: ['cg-7'], fault: faultMessage }],
      unknowable: [{ itemIds: ['cg-6'], why: 'the site is lost' }],
    },
  ],
  [{ ...task, type: 'task-interrupted', reason: 'restart' }, { reason: 'restart' }],
  [
    {
      ...task,
      type: 'policy-applied',
      items: '2',
      fault,
      action: { action: 'rerun', attemptsMax: 3, delayMsMin: 10, delayMsMax: 20 },
      because: 'the last but one',
      retryAtMs: at + 10,
    },
    {
      itemsCount: 1,
      faults: [{ itemIds: ['cg-7'], fault: faultMessage }],
      action: {
        type: 'POLICY_ACTION_TYPE_RERUN',
        reach: 'REACH_UNSPECIFIED',
        attemptsMax: 3,
        delayMsMin: 10,
        delayMsMax: 20,
      },
      because: 'the last but one',
      retryTime: new Date(at + 10),
    },
  ],
  [
    { ...task, type: 'call-refused', siteId: 'east', verb: 'sync' },
    { siteIds: ['east'], verb: 'sync' },
  ],
  [
    { type: 'run-cancel-requested', at, requester: 'ann', reason: 'no' },
    { requester: 'ann', reason: 'no' },
  ],
  [{ type: 'run-parked', at, reason: 'doubt' }, { reason: 'doubt' }],
  [
    {
      type: 'run-resumed',
      at,
      requester: 'ann',
      decision: 'rollback',
      policies: { sync: { rules: [], otherwise: { action: 'stop', reach: 'run' } } },
    },
    {
      requester: 'ann',
      decision: 'DECISION_ROLLBACK',
      policies: {
        sync: {
          rules: [],
          otherwise: {
            type: 'POLICY_ACTION_TYPE_STOP',
            reach: 'REACH_RUN',
            attemptsMax: 0,
            delayMsMin: 0,
            delayMsMax: 0,
          },
        },
      },
    },
  ],
  [{ type: 'run-site-lost', at, siteId: 'east' }, { siteIds: ['east'] }],
  [{ type: 'run-site-reachable', at, siteId: 'east' }, { siteIds: ['east'] }],
  [
    { type: 'run-ended', at, result: 'superseded', byRunId: 'r2' },
    { result: 'RUN_RESULT_SUPERSEDED', byRunId: 'r2' },
  ],
];

for (const [index, [entry, said]] of cases.entries()) {
  test(`events: ${entry.type} (case ${index}) goes over the wire with what it says`, (t) => {
    const event = eventOf(7, entry, names);
    const bytes = WatchRunResponse.encode({ events: [event], progress: [], last: false }).finish();
    const [read] = WatchRunResponse.decode(bytes).events as [RunEvent];
    t.deepEqual(read, event);
    const word = entry.type.toUpperCase().replaceAll('-', '_');
    const of = { workgroupId: 's2', step: 'sync', direction: 'TASK_DIRECTION_UNDO', attempt: 2 };
    t.like(read, {
      cursor: 7,
      time: new Date(at),
      type: `RUN_EVENT_TYPE_${word}`,
      ...('group' in entry && of),
      ...said,
    } as Partial<RunEvent>);
  });
}

const described = (workgroups: RunDescription['workgroups']): RunDescription => ({
  runId: 'r1',
  planId: 'erp',
  mode: 'planned',
  requester: 'ann',
  initiatorId: 'i1',
  startedAtMs: at,
  lostSites: [],
  steps: ['sync'],
  workgroups,
});

test('events: a page is encoded once, whoever asks and however many', async (t) => {
  let asked = 0;
  const encoder = new EventEncoder(async () => {
    asked++;
    return described(names.workgroups);
  });
  const entry: Entry = { ...task, type: 'task-started' };
  const page = { runId: 'r1', events: [{ seq: 2, body: JSON.stringify(entry) }], last: false };
  const all = await Promise.all([encoder.encode(page), encoder.encode(page), encoder.encode(page)]);
  t.is(new Set(all).size, 1);
  t.is(asked, 1);
});

test('events: a workgroup that was split off is named by asking again', async (t) => {
  const known = [[...names.workgroups], [...names.workgroups, { id: 's2.1', itemIds: ['cg-6'] }]];
  const encoder = new EventEncoder(async () => described(known.shift() ?? []));
  const entry: Entry = { ...task, group: 2, type: 'task-started', items: '0' };
  const page = { runId: 'r1', events: [{ seq: 9, body: JSON.stringify(entry) }], last: true };
  const { events, last } = WatchRunResponse.decode((await encoder.encode(page)).bytes);
  t.true(last);
  t.like(events[0], { cursor: 9, workgroupId: 's2.1', itemIds: ['cg-6'] });
});
