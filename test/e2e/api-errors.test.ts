import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { violationsPerErrorMax } from '../../daemon/api/limits.ts';
import { errorTable, type Reason, SiteswapError } from '../../daemon/core/errors.ts';
import { callErrorOf } from '../../sdk/client/errors.ts';
import { CallError, Decision, Mode, PolicyActionType } from '../../sdk/client/index.ts';
import { failure, ownSocket, serve } from '../_support/api.ts';
import { FakeEngine } from '../_support/fake-engine.ts';

const failed = (t: ExecutionContext, call: Promise<unknown>) => failure(t, call, CallError);

/** Bytes to any path, as a broken or hostile client sends them. */
const raw = (t: ExecutionContext, address: string) => {
  const client = new Client(address, credentials.createInsecure());
  t.teardown(() => client.close());
  return (path: string, bytes: Buffer, options = {}): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const same = (value: Buffer) => value;
      client.makeUnaryRequest(path, same, same, bytes, new Metadata(), options, (error, answer) =>
        error ? reject(error) : resolve(answer as Buffer),
      );
    });
};

const engineThatThrows = (thrown: unknown): FakeEngine =>
  Object.assign(new FakeEngine(), {
    getRun: () => Promise.reject(thrown),
    listSites: () => {
      throw thrown;
    },
  });

for (const reason of Object.keys(errorTable) as Reason[]) {
  test(`errors: ${reason} arrives with everything that was said`, async (t) => {
    const said = new SiteswapError(reason, `grüße, ${reason}`, {
      subject: 'cg-7',
      vendorCode: 'E42',
      hint: 'look → there',
      violations: [{ field: 'plan.id', message: 'is “bad”' }],
    });
    const { client, log } = await serve(t, { engine: engineThatThrows(said) });
    const error = await failed(t, client.runs.get('r1'));
    t.like(error, {
      code: errorTable[reason].code,
      reason,
      message: `grüße, ${reason}`,
      owner: `FAULT_OWNER_${errorTable[reason].owner.toUpperCase()}`,
      subject: 'cg-7',
      vendorCode: 'E42',
      hint: 'look → there',
      violations: [{ field: 'plan.id', message: 'is “bad”' }],
    });
    t.true(log.some(({ callId }) => callId === error.callId));
  });
}

test('errors: a defect tells the caller its call id, and the log everything', async (t) => {
  const { client, log } = await serve(t, { engine: engineThatThrows(new TypeError('x of y')) });
  for (const call of [client.runs.get('r1'), client.inventory.sites()]) {
    const error = await failed(t, call);
    t.is(error.reason, 'INTERNAL');
    t.false(error.message.includes('x of y'));
    const line = log.find(({ callId }) => callId === error.callId);
    t.like(line, { level: 50, err: { message: 'x of y' } });
  }
});

test('errors: more is said than headers hold → cut, not lost', async (t) => {
  const violations = Array.from({ length: 5_000 }, (_, at) => ({
    field: `vms[${at}]`,
    message: 'ü\ud800'.repeat(5_000),
  }));
  const said = new SiteswapError('PLAN_INVALID', '…'.repeat(50_000), { violations });
  const { client } = await serve(t, { engine: engineThatThrows(said) });
  const error = await failed(t, client.runs.get('r1'));
  t.is(error.reason, 'PLAN_INVALID');
  t.is(error.violations.length, violationsPerErrorMax);
});

test('errors: garbage is refused by a typed error, and the daemon goes on', async (t) => {
  const { client, address } = await serve(t);
  const send = raw(t, address);
  const path = '/siteswap.v1.RunService/StartRun';
  for (const bytes of [Buffer.from([0x0a, 0xff]), Buffer.alloc(1_000, 0xff)]) {
    const error = callErrorOf(await t.throwsAsync(send(path, bytes)), false);
    t.is(error.reason, 'INVALID_REQUEST');
    t.true(error.message.includes(path));
  }
  t.is((await client.inventory.sites()).length, 2);
});

for (const [megabytes, reason] of [
  [15, 'INVALID_REQUEST'],
  [17, 'MESSAGE_TOO_LARGE'],
  [40, 'MESSAGE_TOO_LARGE'],
] as const) {
  test(`errors: a request of ${megabytes} MiB → ${reason}, and the daemon goes on`, async (t) => {
    const { client, address } = await serve(t);
    const bytes = Buffer.alloc(megabytes * 2 ** 20, 0xff);
    const send = raw(t, address)('/siteswap.v1.RunService/GetRun', bytes);
    t.is(callErrorOf(await t.throwsAsync(send), false).reason, reason);
    t.is((await client.inventory.sites()).length, 2);
  });
}

test('errors: an answer above the bound is refused instead of sent', async (t) => {
  const { client, engine } = await serve(t);
  const runId = engine.addRun({ attention: 'x'.repeat(17 * 2 ** 20) });
  const error = await failed(t, client.runs.get(runId));
  t.is(error.reason, 'MESSAGE_TOO_LARGE');
  t.truthy(error.callId);
});

test('errors: an unknown method is named as such', async (t) => {
  const { address } = await serve(t);
  const send = raw(t, address)('/siteswap.v1.RunService/Nothing', Buffer.alloc(0));
  t.is(callErrorOf(await t.throwsAsync(send), false).reason, 'METHOD_UNKNOWN');
});

test('errors: a request with several faults tells all of them, by field', async (t) => {
  const { client, engine } = await serve(t);
  const error = await failed(
    t,
    client.runs.start({
      planId: 'x'.repeat(300),
      mode: Mode.DEVICE,
      policies: { sync: { rules: [{}], otherwise: { type: PolicyActionType.RERUN } } },
    }),
  );
  t.is(error.reason, 'INVALID_REQUEST');
  t.deepEqual(
    error.violations.map(({ field }) => field).sort(),
    [
      'mode',
      'planId',
      'policies[sync].otherwise.attemptsMax',
      'policies[sync].rules[0].action',
      'requester',
    ].sort(),
  );
  t.is(engine.requests.length, 0);
});

test('errors: required fields are required', async (t) => {
  const { client } = await serve(t);
  const calls: [Promise<unknown>, string][] = [
    [client.runs.get(''), 'runId'],
    [client.runs.report(''), 'runId'],
    [client.runs.resume({ runId: 'r', requester: 'a' }), 'decision'],
    [client.runs.resume({ runId: 'r', decision: Decision.RETRY }), 'requester'],
    [client.runs.cancel({ runId: 'r' }), 'requester'],
    [client.plans.get(''), 'planId'],
    [client.plans.preview('erp', Mode.UNSPECIFIED), 'mode'],
    [client.plans.delete('erp', ''), 'etag'],
    [client.sites.declareLost({ siteId: 'east', requester: 'ann', reason: '' }), 'reason'],
    [client.replication.sync({ arrayId: 'a', requester: 'ann' }), 'targets'],
    [
      client.replication.sync({
        arrayId: 'a',
        requester: 'b',
        targets: [{ id: 'c' }, { id: 'c' }],
      }),
      'targets[1].id',
    ],
    [client.inventory.vms({ computeId: '' }).next(), 'computeId'],
  ];
  for (const [call, field] of calls) {
    const error = await failed(t, call);
    t.is(error.reason, 'INVALID_REQUEST', field);
    t.deepEqual(
      error.violations.map((violation) => violation.field),
      [field],
    );
  }
});

test('deadline: the caller’s ends its call, and the daemon goes on', async (t) => {
  const engine = Object.assign(new FakeEngine(), { getRun: () => delay(60_000) });
  const { client } = await serve(t, { engine });
  const error = await failed(t, client.runs.get('r1', { deadlineMs: 50 }));
  t.like(error, { reason: 'DEADLINE', code: 'DEADLINE_EXCEEDED' });
  t.is((await client.inventory.sites()).length, 2);
});

test('abort: the caller gives up → CANCELLED, before and during the call', async (t) => {
  const engine = Object.assign(new FakeEngine(), { getRun: () => delay(60_000) });
  const { client } = await serve(t, { engine });
  const early = await failed(t, client.runs.get('r1', { signal: AbortSignal.abort() }));
  t.is(early.reason, 'CANCELLED');
  const giveUp = new AbortController();
  const call = client.runs.get('r1', { signal: giveUp.signal });
  setImmediate(() => giveUp.abort());
  t.is((await failed(t, call)).reason, 'CANCELLED');
});

// By itself and connected: the daemon counts a deadline from when the request reaches it.
test.serial('deadline: a storage verb tells its run id just before, and goes on', async (t) => {
  const { client, engine } = await serve(t);
  await client.ready();
  engine.deviceRuns = 'hang';
  const request = {
    arrayId: 'east-array',
    targets: [{ id: 'cg-1' }],
    requester: 'a',
    requestKey: 'k',
  };
  const error = await failed(t, client.replication.sync(request, { deadlineMs: 4_000 }));
  t.is(error.reason, 'DEADLINE');
  t.true(engine.runs.has(error.subject));
  engine.finish(error.subject);
  const again = await client.replication.sync(request);
  t.like(again, { runId: error.subject, existing: true });
  t.is(again.results[0]?.outcome?.$case, 'success');
});

test('errors: nobody at the address → DAEMON_UNREACHABLE', async (t) => {
  const { client, api, address } = await serve(t, { listen: await ownSocket(t) });
  await api.stop();
  t.like(await failed(t, client.inventory.sites()), {
    reason: 'DAEMON_UNREACHABLE',
    code: 'UNAVAILABLE',
    callId: '',
    message: `no daemon answers at ${address}`,
    hint: 'Check the address and that the daemon runs; repeat with the same request key.',
  });
  t.is((await failed(t, client.ready({ deadlineMs: 100 }))).reason, 'DAEMON_UNREACHABLE');
});

test('errors: what the client says of its own accord stands in the table', (t) => {
  for (const code of [1, 4, 8, 12, 13, 14]) {
    const of = { code, details: 'x' } as ServiceError;
    const { reason, hint, code: name } = callErrorOf(of, code === status.CANCELLED);
    t.is(hint, errorTable[reason as Reason].next, reason);
    if (reason !== 'INTERNAL') t.is(errorTable[reason as Reason].code, name as never);
  }
});
