/** The lab's calls: once per key, settled truly, failing as ordered or drawn, polled to the end. */

import type { Answer, OperationStatus, SyncStatus, ValueAnswer } from '@siteswap/sdk/plugin';
import { FaultError } from '@siteswap/sdk/plugin';
import test from 'ava';
import { group, makeLab, said, type TestLab, valueIn, vm } from '../_support/lab.ts';

const key = 'run-1/power/run/1';
const at = 'lab-compute-a';

const kindOf = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked;
  } catch (error) {
    if (error instanceof FaultError) return error.fault.kind;
    throw error;
  }
  return 'answered';
};

const verdicts = async (lab: TestLab, vms = [vm()]): Promise<readonly string[]> =>
  (await lab.settle(at, 'powerOff', vms, key)).map(({ verdict }) => verdict);

const acceptedOf = (answers: readonly Answer[]): string => {
  const [answer] = answers;
  if (answer !== undefined && 'accepted' in answer) return answer.accepted.operation;
  throw new Error(`not accepted: ${JSON.stringify(answers)}`);
};

test('powered on twice, by the same key or another: one boot, one answer', async (t) => {
  const { verb, control } = makeLab();
  await verb(at, 'powerOff', [vm()]);
  const first = await verb(at, 'powerOn', [vm()], { key });
  t.deepEqual(await verb(at, 'powerOn', [vm()], { key }), first);
  t.deepEqual(await verb(at, 'powerOn', [vm()]), first);
  t.deepEqual(await control.effects('powerOn'), [
    { remoteId: at, verb: 'powerOn', id: 'vm-00001', times: 1 },
  ]);
});

test('a failure is not remembered: the same key succeeds once its cause is gone', async (t) => {
  const { verb } = makeLab();
  const again = () => verb('lab-a', 'prepareFailover', [group()], { key });
  t.deepEqual(said(await again()), ['conflict LIVE_WRITERS']);
  await verb(at, 'powerOff', [vm()]);
  t.deepEqual(said(await again()), ['ok']);
});

test('one bad target does not fail its neighbours', async (t) => {
  const { verb, control } = makeLab({ vmsPerGroup: 3 });
  await control.failNext({ verb: 'powerOff', targetIds: ['vm-00002'], kind: 'busy', code: 'E7' });
  const answers = await verb(at, 'powerOff', [vm(1), vm(2), vm(3)]);
  const byId = new Map(answers.map((answer) => [answer.id, answer]));
  t.deepEqual(said([vm(1), vm(2), vm(3)].map(({ id }) => byId.get(id) as Answer)), [
    'ok',
    'busy E7',
    'ok',
  ]);
  t.deepEqual(said(await verb(at, 'powerOff', [vm(2)])), ['ok'], 'it was ordered once');
});

test('settle: never called, or failed before its effect → absent', async (t) => {
  const lab = makeLab();
  t.deepEqual(await verdicts(lab), ['absent']);
  await lab.control.failNext({ verb: 'powerOff', kind: 'timeout' });
  t.deepEqual(said(await lab.verb(at, 'powerOff', [vm()], { key })), ['timeout ORDERED']);
  t.deepEqual(await verdicts(lab), ['absent']);
});

test('settle: reply lost after the effect → done, with the evidence', async (t) => {
  const lab = makeLab();
  await lab.control.failNext({ verb: 'failover', kind: 'timeout', effect: 'done' });
  const args = { force: true };
  const answers = await lab.verb('lab-b', 'failover', [group()], { key, args });
  t.deepEqual(said(answers), ['timeout ORDERED']);
  const [settled] = await lab.settle('lab-b', 'failover', [group()], key);
  t.like(settled, { verdict: 'done', evidence: { lineage: 'cg-0001-1#2' } });
});

test('settle: an effect that comes after its time-out → running, then done', async (t) => {
  const lab = makeLab();
  await lab.control.failNext({ verb: 'powerOff', kind: 'timeout', effect: 'late', lateMs: 500 });
  await lab.verb(at, 'powerOff', [vm()], { key });
  t.deepEqual(await verdicts(lab), ['running']);
  await lab.time.advance(499);
  t.deepEqual(await verdicts(lab), ['running']);
  await lab.time.advance(1);
  t.deepEqual(await verdicts(lab), ['done']);
  t.is((await lab.control.effects('powerOff'))[0]?.times, 1);
});

test('settle: a slow call under way → running; given up before its effect → absent', async (t) => {
  const lab = makeLab();
  await lab.control.setLatency({ verb: 'powerOff', ms: 100 });
  const giving = new AbortController();
  const call = kindOf(lab.verb(at, 'powerOff', [vm()], { key, signal: giving.signal }));
  await lab.control.setLatency({ verb: 'powerOff', ms: 0 });
  t.deepEqual(await verdicts(lab), ['running']);
  giving.abort();
  t.is(await call, 'timeout');
  t.deepEqual(await verdicts(lab), ['absent']);
  await lab.time.advance(1_000);
  t.deepEqual(await lab.control.effects('powerOff'), []);
});

test('a call that hangs ends with its signal, and its effect is as ordered', async (t) => {
  for (const effect of ['none', 'done'] as const) {
    const lab = makeLab();
    await lab.control.hangNext({ verb: 'powerOff', effect });
    const giving = new AbortController();
    const call = kindOf(lab.verb(at, 'powerOff', [vm()], { key, signal: giving.signal }));
    giving.abort();
    t.is(await call, 'timeout');
    t.deepEqual(await verdicts(lab), [effect === 'none' ? 'absent' : 'done']);
  }
});

test('a lost remote answers nobody, and counts who called it all the same', async (t) => {
  const { verb, control, settle } = makeLab();
  await control.loseSite('site-a');
  t.is(await kindOf(verb('lab-a', 'deviceStatus', [group()])), 'unreachable');
  t.is(await kindOf(settle('lab-a', 'sync', [group()], key)), 'unreachable');
  t.like(await control.calls('lab-a'), { total: 2, whileDown: 2 });
  t.is((await control.calls('lab-b')).total, 0);
  await control.returnSite('site-a');
  t.is(await kindOf(verb('lab-a', 'deviceStatus', [group()])), 'answered');
});

test('a call of an older epoch is fenced, one of another run is not', async (t) => {
  const { verb } = makeLab();
  const call = (name: string, epoch: number) =>
    kindOf(verb(at, 'powerOff', [vm()], { key: `${name}/power/run/1`, epoch }));
  t.is(await call('one', 2), 'answered');
  t.is(await call('one', 1), 'fenced');
  t.is(await call('one', 3), 'answered');
  t.is(await call('two', 1), 'answered');
});

test('settled under a newer epoch → what was asked under an older one does nothing', async (t) => {
  const { verb, settle } = makeLab();
  const key = 'one/power/run/1';
  t.like((await settle(at, 'powerOff', [vm()], key, 2))[0], { verdict: 'absent' });
  t.is(await kindOf(verb(at, 'powerOff', [vm()], { key, epoch: 1 })), 'fenced');
  t.is(await kindOf(verb(at, 'powerOff', [vm()], { key, epoch: 2 })), 'answered');
});

test('ten simulated hours of sync: accepted, polled, and done on the minute', async (t) => {
  const hours = 60 * 60 * 1_000;
  const lab = makeLab({ operationMs: { sync: 10 * hours } });
  const ask = { key: 'run-1/sync/run/1' };
  const operation = acceptedOf(await lab.verb('lab-a', 'sync', [group()], ask));
  t.is(acceptedOf(await lab.verb('lab-a', 'sync', [group()], ask)), operation);
  t.deepEqual(said(await lab.verb('lab-a', 'sync', [group()])), ['busy OPERATION_RUNS']);
  await lab.time.advance(5 * hours);
  t.like(await lab.poll('lab-a', 'cg-0001', operation), { state: 'running', progress: 0.5 });
  await lab.control.setSpeed(10);
  await lab.time.advance(hours / 2 - 1);
  t.like(await lab.poll('lab-a', 'cg-0001', operation), { state: 'running' });
  await lab.time.advance(1);
  t.like(await lab.poll('lab-a', 'cg-0001', operation), {
    state: 'done',
    evidence: { recoveryPointAtMs: 1_000_000 },
  });
  t.deepEqual(said(await lab.verb('lab-a', 'sync', [group()], ask)), ['ok']);
  t.is((await lab.control.effects('sync'))[0]?.times, 1);
  const status = await lab.verb<ValueAnswer<SyncStatus>>('lab-a', 'syncStatus', [group()]);
  t.is(valueIn(status).state, 'complete');
});

test('an operation cut by the loss of a site fails, is absent, and can start again', async (t) => {
  const lab = makeLab({ operationMs: { sync: 1_000 } });
  const ask = { key: 'run-1/sync/run/1' };
  const operation = acceptedOf(await lab.verb('lab-a', 'sync', [group()], ask));
  await lab.control.loseSite('site-b');
  const status = (await lab.poll('lab-a', 'cg-0001', operation)) as OperationStatus;
  t.like(status, { state: 'failed', fault: { kind: 'interrupted' } });
  t.is((await lab.settle('lab-a', 'sync', [group()], ask.key))[0]?.verdict, 'absent');
  await lab.control.returnSite('site-b');
  t.not(acceptedOf(await lab.verb('lab-a', 'sync', [group()], ask)), operation);
});

test('a half-done full copy is no recovery point: forced promotion is refused', async (t) => {
  const lab = makeLab({ operationMs: { resync: 1_000 } });
  await lab.verb('lab-a', 'resync', [group()], { args: { changes: 'keep' } });
  await lab.time.advance(500);
  await lab.control.loseSite('site-a');
  const force = () => lab.verb('lab-b', 'failover', [group()], { args: { force: true } });
  t.deepEqual(said(await force()), ['conflict NO_WHOLE_COPY']);
});
