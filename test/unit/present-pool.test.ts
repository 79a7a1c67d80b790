/** Commands on presented pairs, from the pool's door on: when ends are looked up, and where. */
import test from 'ava';
import type { Injection } from '../../daemon/core/injection.ts';
import type { TaskJob, TaskResult } from '../../daemon/workers/pool.ts';
import { device, type Storage } from '../_support/plugins/recorder.ts';
import { presentedStage } from '../_support/presented.ts';

const pairUp = (storage: Storage, pairs: readonly (readonly [string, string])[]): void => {
  storage.devices = pairs.map(([first, second]) =>
    device(second, { direction: 'incoming', peer: { arrayId: 'a', deviceId: first } }),
  );
};

const stageOf = (...pairs: readonly (readonly [string, string])[]) => {
  const stage = presentedStage('pair-as-stretched');
  pairUp(stage.at('b'), pairs);
  return stage;
};

/** A task at array `b`, or at the compute there, on lone devices of these first ids. */
const task = (ids: readonly string[], more: Partial<TaskJob> = {}): TaskJob => ({
  kind: 'task',
  remoteId: 'b',
  step: 'device-testFailoverStart',
  phase: 'run',
  runId: 'run-1',
  workgroup: 's1',
  mode: 'device',
  side: 'recovery',
  items: JSON.stringify(
    ids.map((id) => {
      const group = { id, devices: [id] };
      const at = (arrayId: string) => ({ arrayId, deviceId: id });
      const recoveryDevices = [at('b'), at('c')];
      const datastore = { id: `ds ${id}`, protectedDevices: [at('a')], recoveryDevices };
      return { id, protected: group, recovery: group, datastores: [datastore] };
    }),
  ),
  key: 'i/device-testFailoverStart/run',
  attempt: 1,
  epoch: 1,
  timeoutMs: 10_000,
  direction: 'run',
  ...more,
});

const onB = (more: Partial<TaskJob> = {}) => ({ side: 'protected' as const, ...more });
const steps = (stage: ReturnType<typeof stageOf>) =>
  stage.heard
    .filter(({ verb }) => verb !== 'discoverDevices')
    .map(({ remoteId, verb, targets }) => [remoteId, verb, ...targets.map(({ id }) => id)]);
const lookups = (stage: ReturnType<typeof stageOf>) =>
  stage.heard.filter(({ verb }) => verb === 'discoverDevices').length;

test('presented pair: a task (items=3, one without a peer) → that one fails, in order', async (t) => {
  const stage = stageOf(['1', 'one'], ['2', 'two']);
  const result = (await stage.pool.run(task(['2', 'gone', '1']))) as TaskResult;
  t.is(result.done, '0,2');
  t.like(result.faults, [{ items: '1', fault: { kind: 'missing', code: 'PEER_MISSING' } }]);
  t.regex(result.faults[0]?.fault.message ?? '', /^gone: /);
  t.deepEqual(steps(stage), [['b', 'testFailoverStart', 'two', 'one']]);
});

test('presented pair: a pair set up anew between two commands → the second reaches the new end', async (t) => {
  const stage = stageOf(['1', 'one']);
  await stage.pool.run(task(['1']));
  pairUp(stage.at('b'), [['1', 'another']]);
  await stage.pool.run(task(['1']));
  t.deepEqual(steps(stage), [
    ['b', 'testFailoverStart', 'one'],
    ['b', 'testFailoverStart', 'another'],
  ]);
});

test('presented pair: roles turned between two commands → the test is refused, nothing sent', async (t) => {
  const stage = stageOf(['1', 'one']);
  stage.at('b').devices = stage
    .at('b')
    .devices.map((one) => ({ ...one, direction: 'outgoing' as const }));
  const result = (await stage.pool.run(task(['1']))) as TaskResult;
  t.like(result.faults[0]?.fault, { code: 'WRONG_SIDE', hint: 'Send it to a.' });
  t.deepEqual(steps(stage), []);
});

test('presented pair: 100 commands at once → 2 lookups, each begun after its commands came', async (t) => {
  const stage = stageOf(['1', 'one']);
  await Promise.all(Array.from({ length: 100 }, () => stage.pool.run(task(['1']))));
  t.is(lookups(stage), 2);
  t.is(steps(stage).length, 100);
});

test('presented pair: its site is lost → nothing is sent, not even a lookup', async (t) => {
  const stage = stageOf(['1', 'one']);
  stage.pool.setSiteLost('site-b', true);
  const result = await stage.pool.run(task(['1']));
  t.like(result, { kind: 'fault', fault: { kind: 'unreachable', code: 'SITE_LOST' } });
  t.deepEqual(stage.heard, []);
  stage.pool.setSiteLost('site-b', false);
  stage.pool.setSiteLost('site-a', true);
  const other = (await stage.pool.run(task(['1']))) as TaskResult;
  t.is(other.done, '0', 'the other site is lost: nothing of it is needed');
});

test('presented pair: its array does not answer the lookup → busy, for nothing was sent', async (t) => {
  const stage = stageOf(['1', 'one']);
  const fault = { kind: 'unreachable', owner: 'array', message: 'no route' } as const;
  stage.at('b').says = (verb, { id }) => (verb === 'discoverDevices' ? { id, fault } : undefined);
  const result = await stage.pool.run(task(['1']));
  const message = 'pairs of b were not looked up, and nothing was sent: no route';
  t.deepEqual(result, { kind: 'fault', fault: { ...fault, kind: 'busy', message } });
  t.deepEqual(steps(stage), []);
});

test('presented pair: an injection names real ids → it hits the device that it names', async (t) => {
  const stage = stageOf(['1', 'one'], ['one', 'two']);
  const fault = { kind: 'busy', owner: 'array', message: 'one is busy' } as const;
  const injections: Injection[] = [{ effect: 'error', fault, targets: ['one'], rule: 'r' }];
  const result = (await stage.pool.run(task(['1', 'one'], { injections }))) as TaskResult;
  t.is(result.done, '1');
  t.like(result.faults, [{ items: '0', fault: { message: '1 is busy' } }]);
});

test('presented pair: datastores of a compute → listed under first ids, mounted on second ones', async (t) => {
  const stage = stageOf(['1', 'one']);
  const stands = (deviceId: string) => [{ arrayId: 'b', deviceId }];
  const datastore = { id: 'ds 1', name: 'ds', mounted: true, instance: 'production' as const };
  stage.at('hosts-b').datastores = [
    { ...datastore, devices: stands('one') },
    { ...datastore, id: 'other', devices: [{ arrayId: 'c', deviceId: 'one' }] },
  ];
  t.deepEqual(
    (await stage.datastores('hosts-b')).map(({ devices }) => devices),
    [stands('1'), [{ arrayId: 'c', deviceId: 'one' }]],
  );
  const mounting = task(['1', 'gone'], { remoteId: 'hosts-b', step: 'mount', mode: 'planned' });
  const result = (await stage.pool.run(mounting)) as TaskResult;
  t.is(result.done, '0');
  t.like(result.faults, [{ items: '1', fault: { code: 'PEER_MISSING', members: ['gone'] } }]);
  const mounted = stage.heard.find(({ verb }) => verb === 'mount');
  t.deepEqual(
    mounted?.targets.map((target) => (target as { devices?: unknown }).devices),
    [[...stands('one'), { arrayId: 'c', deviceId: '1' }]],
    'a device of an array that is not presented keeps its id',
  );
});

test('presented pair: polled and settled tasks → asked about under second ids', async (t) => {
  const stage = stageOf(['1', 'one']);
  const operation = JSON.stringify({ verb: 'sync', targets: [{ id: '1', operation: 'op' }] });
  const polled = await stage.pool.run(
    task(['1'], onB({ phase: 'poll', step: 'device-sync', operations: [{ item: 0, operation }] })),
  );
  t.like(polled, { done: '0', evidence: { 0: { polled: '1' } } });
  const settled = await stage.pool.run(task(['1'], onB({ phase: 'settle' })));
  t.like(settled, { done: '0', evidence: { 0: { seen: '1' } } });
  t.deepEqual(
    steps(stage).map(([, verb, id]) => [verb, id]),
    [
      ['poll', 'one'],
      ['settle:testFailoverStart', 'one'],
    ],
  );
});

test('presented pair: the status of a sync, asked outside runs → answered under the first id', async (t) => {
  const stage = stageOf(['1', 'one']);
  const result = await stage.pool.run({
    kind: 'query',
    remoteId: 'b',
    verb: 'syncStatus',
    targets: [{ id: '1', devices: ['1'] } as { id: string }],
    timeoutMs: 10_000,
  });
  const value = { id: '1', state: 'complete' };
  t.deepEqual(result, { kind: 'query', answers: [{ id: '1', value }] });
});
