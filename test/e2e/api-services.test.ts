import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { packDevices, portionsOf } from '../../daemon/host/packed.ts';
import {
  CallError,
  Decision,
  Direction,
  Mode,
  type Plan,
  RemoteKind,
  Serving,
} from '../../sdk/client/index.ts';
import { failure, serve } from '../_support/api.ts';
import { FakeEngine } from '../_support/fake-engine.ts';
import { samplePlan } from '../_support/samples.ts';

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

test('plans: what the engine keeps comes back as it was, over the wire both ways', async (t) => {
  const { client, engine } = await serve(t);
  const { plan } = await client.plans.get('erp');
  await client.plans.create({ ...(plan as Plan), id: 'copy' });
  t.deepEqual(engine.plans.get('copy')?.plan, samplePlan('copy'));
});

test('plans: what the author leaves out takes its default', async (t) => {
  const { client, engine } = await serve(t);
  await client.plans.create({
    id: 'small',
    protectedSiteId: 'east',
    recoverySiteId: 'west',
    protectionGroups: [
      { id: 'a', groups: [{ arrayId: 'x', id: 'cg-1' }] },
      { id: 'b', groups: [], vms: { vms: [] } },
      { id: 'c', groups: [], vms: { vms: [{ id: 'vm-a' }] } },
    ],
    options: { vmWorkgroupMax: 7 },
  });
  const plan = engine.plans.get('small')?.plan;
  t.like(plan?.options, { vmWorkgroupMax: 7, storageWorkgroupMax: 4, priorityGates: true });
  t.deepEqual(
    plan?.protectionGroups.map(({ vms }) => vms),
    [undefined, [], [{ id: 'vm-a', priority: 3, dependsOn: [] }]],
  );
});

test('plans: an old etag → PLAN_CHANGED; the plan stays', async (t) => {
  const { client } = await serve(t);
  const { plan, etag } = await client.plans.get('erp');
  await client.plans.update({ ...plan, name: 'second' }, etag);
  const error = await failure(t, client.plans.update({ ...plan, name: 'x' }, etag), CallError);
  t.like(error, { reason: 'PLAN_CHANGED', subject: 'erp' });
  t.is((await client.plans.get('erp')).plan?.name, 'second');
  const deletion = await failure(t, client.plans.delete('erp', etag), CallError);
  t.is(deletion.reason, 'PLAN_CHANGED');
});

test('plans: lists of several pages come whole and in order', async (t) => {
  const { client, engine } = await serve(t);
  for (let at = 0; at < 2_500; at++) await engine.createPlan(samplePlan(`p${at}`));
  const ids = (await collect(client.plans.list())).map(({ plan }) => plan?.id ?? '');
  t.is(ids.length, 2_501);
  t.deepEqual(ids, [...ids].sort());
});

test('preview: names instead of positions', async (t) => {
  const { client } = await serve(t);
  const preview = await client.plans.preview('erp', Mode.PLANNED);
  t.like(preview, { planId: 'erp', mode: 'MODE_PLANNED', inFlightMax: { 'west-array': 64 } });
  t.like(preview.steps[0], { name: 'promote-target', undo: 'UNDO_UNDO', side: 'SIDE_RECOVERY' });
  t.like(preview.workgroups[1], {
    id: 'v1',
    storageWorkgroupId: 's1',
    itemIds: ['vm-a'],
    dependsOn: ['cg-2'],
  });
  t.deepEqual(preview.gates, [
    {
      kind: 'GATE_KIND_STANDS_ON',
      waits: { step: 'promote-target', workgroupIds: ['s1'] },
      holds: { step: 'promote-target', workgroupIds: ['v1'] },
    },
  ]);
});

test('discovery: 1,200 devices come in messages of at most 500', async (t) => {
  const { client, engine } = await serve(t);
  engine.devicesPerArray = 1_200;
  const request = { arrayIds: ['east-array'] };
  const messages = await collect(client.inventory.discoverDevices(request));
  t.deepEqual(
    messages.map(({ devices }) => devices.length),
    [500, 500, 200],
  );
  t.like(messages[0]?.devices[0], {
    id: 'dev-0',
    sizeBytes: 2 ** 40,
    direction: 'DIRECTION_OUTGOING',
    access: 'ACCESS_READ_WRITE',
    pairState: 'PAIR_STATE_SYNCHRONIZED',
    peer: { arrayId: 'west-array', deviceId: 'dev-0' },
    groupId: 'cg-1',
  });
});

test('discovery: an array that cannot be asked never fails the others', async (t) => {
  const { client } = await serve(t);
  const said = await collect(client.inventory.discoverDevices());
  t.is(said.length, 2);
  const of = (id: string) => said.find(({ arrayId }) => arrayId === id);
  t.is(of('east-array')?.devices.length, 3);
  t.like(of('west-array')?.problem, {
    remoteId: 'west-array',
    error: { reason: 'REMOTE_UNREACHABLE' },
  });
  const recorded = await collect(client.inventory.discoverDevices({ recorded: true }));
  t.deepEqual(recorded.map(({ arrayId, problem }) => [arrayId, problem]).toSorted(), [
    ['east-array', undefined],
    ['west-array', undefined],
  ]);
});

test('discovery: an array that does not exist is refused before anything is asked', async (t) => {
  const { client } = await serve(t);
  for (const stream of [
    client.inventory.discoverDevices({ arrayIds: ['east-array', 'nowhere'] }),
    client.inventory.discoverArrays({ arrayIds: ['east-compute'] }),
  ]) {
    t.is((await failure(t, collect<unknown>(stream), CallError)).reason, 'REMOTE_NOT_FOUND');
  }
  const vms = collect(client.inventory.vms({ computeId: 'east-array' }));
  t.is((await failure(t, vms, CallError)).reason, 'REMOTE_NOT_FOUND');
});

test('discovery: a caller that leaves stops the asking', async (t) => {
  let left = false;
  const engine = Object.assign(new FakeEngine(), {
    async *discoverDevices(_arrayId: string, signal: AbortSignal) {
      yield [];
      const { devices } = await new FakeEngine().evidence('east-array', false);
      yield portionsOf(packDevices(devices.slice(0, 1), 1));
      if (!signal.aborted) {
        await new Promise((stop) => signal.addEventListener('abort', stop, { once: true }));
      }
      left = true;
    },
  });
  const { client } = await serve(t, { engine });
  for await (const { devices } of client.inventory.discoverDevices()) {
    t.is(devices.length, 1);
    break;
  }
  while (!left) await delay(5);
  t.true(left);
});

test('inventory: remotes by site and kind', async (t) => {
  const { client } = await serve(t);
  const ids = async (request?: object) =>
    (await client.inventory.remotes(request)).map(({ id }) => id);
  t.is((await ids()).length, 4);
  t.deepEqual(await ids({ siteId: 'west' }), ['west-array', 'west-compute']);
  t.deepEqual(await ids({ kind: RemoteKind.COMPUTE }), ['east-compute', 'west-compute']);
});

test('runs: the same request twice is one run; what was asked reaches the engine', async (t) => {
  const { client, engine } = await serve(t);
  const request = { planId: 'erp', mode: Mode.DISASTER, requester: 'ann', requestKey: 'k1' };
  const first = await client.runs.start(request);
  t.like(await client.runs.start(request), { runId: first.runId, existing: true });
  t.like(engine.requests[0], { planId: 'erp', mode: 'disaster', requestKey: 'k1' });
  await client.runs.resume({ runId: first.runId, requester: 'ann', decision: Decision.SKIP });
  t.deepEqual(engine.resumed, [{ runId: first.runId, decision: 'skip' }]);
  await client.runs.cancel({ runId: first.runId, requester: 'ann' });
  t.deepEqual(engine.cancelled, [first.runId]);
});

test('runs: the newest first, filtered, over several pages', async (t) => {
  const { client, engine } = await serve(t);
  for (let at = 0; at < 1_100; at++) engine.addRun({ planId: at % 2 ? 'odd' : 'even' });
  const runs = await collect(client.runs.list({ planId: 'odd', openOnly: true }));
  t.is(runs.length, 550);
  const times = runs.map(({ startTime }) => startTime?.getTime() ?? 0);
  t.deepEqual(
    times,
    [...times].sort((a, b) => b - a),
  );
});

test('runs: BASIC leaves workgroups and notes out, and says how many workgroups there are', async (t) => {
  const { client, engine } = await serve(t);
  const workgroup = {
    id: 'v1',
    unit: 'vm',
    protectionGroupId: 'data',
    priority: 3,
    itemsTotal: 1,
    itemsLive: 1,
    itemsDropped: 0,
    step: 0,
    stepName: 'sync',
    status: 'running',
    attempt: 1,
    waitsFor: '',
  } as const;
  const runId = engine.addRun({ workgroups: [workgroup], workgroupsTotal: 12_000 });
  const basic = await client.runs.get(runId, { detail: 'RUN_DETAIL_BASIC' });
  t.like(basic, { workgroups: [], workgroupsTotal: 12_000 });
  const full = await client.runs.get(runId);
  t.is(full.workgroupsTotal, 12_000);
  t.like(full.workgroups[0], { id: 'v1', status: 'TASK_STATUS_RUNNING' });
});

test('report: every item once, over several pages, with what was found', async (t) => {
  const { client, engine } = await serve(t);
  const itemIds = Array.from({ length: 2_300 }, (_, at) => `cg-${at}`);
  const report = await client.runs.report(engine.addRun({ itemIds }));
  t.is(new Set(report.items.map(({ itemId }) => itemId)).size, 2_300);
  t.like(report, { itemsTotal: 2_300, recoveryTimeMs: 42, dataLossMs: undefined });
  t.like(report.items[0]?.evidence, { recoveryPoint: 'rp-1', forced: false });
});

test('replication: one result per target, in the order of the request', async (t) => {
  const { client, engine } = await serve(t);
  const request = {
    arrayId: 'west-array',
    targets: [{ id: 'cg-2', deviceIds: ['d1'] }, { id: 'cg-1' }],
    requester: 'rm',
    initiatorId: 'rm-7',
  };
  const answer = await client.replication.failover({ ...request, force: true });
  t.deepEqual(
    answer.results.map(({ targetId, outcome }) => [targetId, outcome?.$case]),
    [
      ['cg-2', 'success'],
      ['cg-1', 'success'],
    ],
  );
  t.like(engine.requests[0], { ...request, verb: 'failover', args: { force: true } });
  const directions = { d1: Direction.OUTGOING };
  await client.replication.restore({ ...request, directions });
  t.like(engine.requests[1], { verb: 'restoreReplication', args: { to: { d1: 'outgoing' } } });
});

test('replication: each verb reaches the engine as itself', async (t) => {
  const { client, engine } = await serve(t);
  const request = { arrayId: 'a', targets: [{ id: 'cg-1' }], requester: 'rm' };
  const { replication } = client;
  await replication.sync(request);
  await replication.prepareFailover(request);
  await replication.failover(request);
  await replication.testFailoverStart(request);
  await replication.testFailoverStop(request);
  await replication.reverse(request);
  await replication.restore(request);
  t.deepEqual(
    engine.requests.map((asked) => 'verb' in asked && asked.verb),
    [
      'sync',
      'prepareFailover',
      'failover',
      'testFailoverStart',
      'testFailoverStop',
      'reverse',
      'restoreReplication',
    ],
  );
});

test('replication: fault, doubt and silence are told apart, per target', async (t) => {
  const { client, engine } = await serve(t);
  const request = { arrayId: 'a', targets: [{ id: 'cg-1' }], requester: 'rm', requestKey: 'k' };
  engine.deviceRuns = 'park';
  const parked = await client.replication.sync(request);
  t.deepEqual(parked.results[0]?.outcome, {
    $case: 'open',
    value: { why: 'it cannot say', inDoubt: true, fault: undefined },
  });
  const run = engine.runs.get(parked.runId);
  if (!run) throw new Error('the run is gone');
  const fault = { kind: 'busy', owner: 'array', message: 'later', code: 'E7' } as const;
  run.items = run.items.map((item) => ({ ...item, outcome: 'failed', fault }));
  const failed = await client.replication.sync(request);
  t.like(failed.results[0]?.outcome, { $case: 'fault', value: { code: 'E7' } });
  run.items = [];
  const silent = await client.replication.sync(request);
  t.like(silent.results[0]?.outcome, { $case: 'open', value: { why: 'look at the array' } });
});

test('sites: lost and reachable, with who said so and why', async (t) => {
  const { client } = await serve(t);
  const lost = await client.sites.declareLost({ siteId: 'east', requester: 'a', reason: 'fire' });
  t.like(lost, {
    lost: true,
    declaredBy: 'a',
    reason: 'fire',
    since: new Date(Date.UTC(2026, 4, 3)),
    warnings: [{ field: 'siteId', message: 'east answered' }],
  });
  const [warning] = await client.sites.checkLoss('east');
  t.is(warning?.message, 'east answers');
  const error = await failure(
    t,
    client.sites.declareReachable({ siteId: 'mars', requester: 'a', reason: 'x' }),
    CallError,
  );
  t.like(error, { reason: 'SITE_NOT_FOUND', subject: 'mars' });
});

test('health: NOT_SERVING while the journal is held, and SERVING again', async (t) => {
  const { client, engine } = await serve(t);
  t.is(await client.health(), Serving.SERVING);
  engine.held = true;
  while ((await client.health()) !== Serving.NOT_SERVING) await delay(20);
  engine.held = false;
  while ((await client.health()) !== Serving.SERVING) await delay(20);
  t.pass();
});
