import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { CallError, connect, type RunEvent } from '../../sdk/client/index.ts';
import { failure, ownSocket, serve } from '../_support/api.ts';

const at = 1_000;
const started = {
  type: 'task-started',
  at,
  group: 0,
  step: 0,
  direction: 'run',
  attempt: 1,
} as const;

const collect = async (events: AsyncIterable<RunEvent>): Promise<RunEvent[]> => {
  const all: RunEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};
const cursorsOf = (events: readonly RunEvent[]) => events.map(({ cursor }) => cursor);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

test('watch: from the beginning to the end, past and live, each event once', async (t) => {
  const { client, engine } = await serve(t);
  const runId = engine.addRun();
  engine.append(runId, started);
  const watch = collect(client.runs.watch(runId));
  while (engine.watches === 0) await delay(5);
  engine.append(runId, started, started);
  engine.finish(runId);
  const events = await watch;
  t.deepEqual(cursorsOf(events), upTo(7));
  t.like(events[0], { type: 'RUN_EVENT_TYPE_RUN_STARTED', planId: 'erp', siteIds: ['east'] });
  t.like(events[1], { type: 'RUN_EVENT_TYPE_TASK_STARTED', workgroupId: 's1', step: 'sync' });
  t.like(events[5], { type: 'RUN_EVENT_TYPE_TASK_OUTCOME', itemsDone: 2 });
  t.like(events[6], { type: 'RUN_EVENT_TYPE_RUN_ENDED', result: 'RUN_RESULT_SUCCEEDED' });
});

test('watch: goes on behind a cursor, also in the middle of a page and at the end', async (t) => {
  const { client, engine } = await serve(t);
  const runId = engine.addRun();
  engine.finish(runId);
  for (const cursor of [0, 1, 2, 3, 4]) {
    t.deepEqual(
      cursorsOf(await collect(client.runs.watch(runId, { cursor }))),
      upTo(4).slice(cursor),
    );
  }
});

test('watch: a cursor ahead of the run is refused', async (t) => {
  const { client, engine } = await serve(t);
  const watch = client.runs.watch(engine.addRun(), { cursor: 99 });
  t.is((await failure(t, watch.next(), CallError)).reason, 'CURSOR_OUT_OF_RANGE');
});

for (const reason of ['WATCHER_TOO_SLOW', 'TOO_MANY_WATCHERS', 'SHUTTING_DOWN'] as const) {
  test(`watch: cut by ${reason} it goes on by itself, without gap or duplicate`, async (t) => {
    const { client, engine } = await serve(t);
    const runId = engine.addRun();
    for (let index = 0; index < 5; index++) engine.append(runId, started, started);
    engine.finish(runId);
    engine.watchFailures.push(...upTo(4).map(() => new SiteswapError(reason, 'cut')));
    t.deepEqual(cursorsOf(await collect(client.runs.watch(runId))), upTo(14));
    t.is(engine.watches, 5);
  });
}

test('watch: goes on over a restart of the daemon', async (t) => {
  const first = await serve(t, { listen: await ownSocket(t) });
  const { engine, address } = first;
  const client = connect(address);
  t.teardown(() => client.close());
  const runId = engine.addRun();
  const watch = collect(client.runs.watch(runId));
  while (engine.watches === 0) await delay(5);
  engine.append(runId, started);
  await first.api.stop();
  engine.append(runId, started, started);
  await serve(t, { engine, listen: address });
  engine.finish(runId);
  t.deepEqual(cursorsOf(await watch), upTo(7));
});

test('watch: what cannot be mended is told, at once', async (t) => {
  const { client, engine } = await serve(t);
  t.is((await failure(t, client.runs.watch('nothing').next(), CallError)).reason, 'RUN_NOT_FOUND');
  const runId = engine.addRun();
  engine.watchFailures.push(new Error('a defect'));
  t.is((await failure(t, collect(client.runs.watch(runId)), CallError)).reason, 'INTERNAL');
});

test('watch: nothing heard for long enough → the last error', async (t) => {
  const { client, api, engine } = await serve(t, { listen: await ownSocket(t) });
  const runId = engine.addRun();
  await api.stop();
  const watch = collect(client.runs.watch(runId, { resumeMsMax: 150 }));
  t.is((await failure(t, watch, CallError)).reason, 'DAEMON_UNREACHABLE');
});

test('watch: abort, deadline and leaving the loop end it; the daemon keeps nothing', async (t) => {
  const { client, engine } = await serve(t);
  const runId = engine.addRun();
  const giveUp = new AbortController();
  const aborted = collect(client.runs.watch(runId, { signal: giveUp.signal }));
  while (engine.watches === 0) await delay(5);
  giveUp.abort();
  t.is((await failure(t, aborted, CallError)).reason, 'CANCELLED');
  const late = collect(client.runs.watch(runId, { deadlineMs: 50 }));
  t.is((await failure(t, late, CallError)).reason, 'DEADLINE');
  for await (const event of client.runs.watch(runId)) {
    t.is(event.cursor, 1);
    break;
  }
  t.is(engine.watches, 3);
  while (engine.watching > 0) await delay(5);
  t.is(engine.watching, 0);
});

test('watch: a hundred watchers of one run cost one translation', async (t) => {
  const { client, engine } = await serve(t);
  const runId = engine.addRun();
  engine.append(runId, ...upTo(50).map(() => started));
  const watches = upTo(100).map(() => collect(client.runs.watch(runId)));
  while (engine.watches < 100) await delay(5);
  engine.finish(runId);
  for (const events of await Promise.all(watches)) t.deepEqual(cursorsOf(events), upTo(54));
  t.is(engine.described, 1);
});

test('watch: a watcher that does not read holds a few messages, not the run', async (t) => {
  const { client, engine } = await serve(t);
  const runId = engine.addRun();
  const pages = client.runs.watchPages(runId);
  await pages.next();
  const long = {
    type: 'run-cancel-requested',
    at,
    requester: 'ann',
    reason: 'x'.repeat(2 ** 20),
  } as const;
  for (let index = 0; index < 64; index++) engine.append(runId, long);
  engine.finish(runId);
  await delay(300);
  t.true(engine.pagesTaken < 40, `${engine.pagesTaken} of 66 pages were taken`);
  let last = 1;
  for await (const page of pages) last = page.events.at(-1)?.cursor ?? last;
  t.is(last, 68);
});

test('wait: until the run has ended or is parked, unless it was resumed since', async (t) => {
  const { client, engine } = await serve(t);
  const ended = engine.addRun();
  const parked = engine.addRun();
  engine.finish(ended);
  engine.park(parked);
  t.like(await client.waitForRun(ended), { status: 'RUN_STATUS_ENDED' });
  t.like(await client.waitForRun(parked), {
    status: 'RUN_STATUS_PARKED',
    attention: 'look at the array',
  });
  const resumed = engine.addRun();
  engine.append(resumed, { type: 'run-parked', at, reason: 'stopped' });
  const wait = client.waitForRun(resumed);
  while (engine.watches < 3) await delay(5);
  engine.finish(resumed);
  t.is((await wait).status, 'RUN_STATUS_ENDED');
});
