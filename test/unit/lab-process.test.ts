/** A world in a process of its own is one world, whoever looks and whoever goes away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer } from '@siteswap/sdk/plugin';
import { connect, FaultError } from '@siteswap/sdk/plugin';
import test, { type ExecutionContext } from 'ava';
import { socketPort } from '../../plugins/lab/client.ts';
import { connectLab, type LabOptions, labSpec, startLabWorld } from '../../plugins/lab/control.ts';
import plugin, { createLabPlugin } from '../../plugins/lab/index.ts';
import { group, said, startMs, verbsOf, vm } from '../_support/lab.ts';

const begin = async (t: ExecutionContext, options: LabOptions = {}) => {
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-lab-'));
  const socket = join(folder, 'lab.sock');
  const world = await startLabWorld({ socket, spec: labSpec(options), drivenFromMs: startMs });
  const control = connectLab(socket);
  const session = () => {
    const port = socketPort(socket);
    t.teardown(() => port.close());
    return { port, ...verbsOf(port) };
  };
  t.teardown(async () => {
    control.close();
    await world.close();
    await rm(folder, { recursive: true });
  });
  return { socket, world, control, session };
};

const operationOf = (answers: readonly Answer[]): string => {
  const [answer] = answers;
  return answer !== undefined && 'accepted' in answer ? answer.accepted.operation : '';
};

const faultOf = async (asked: Promise<unknown>): Promise<string> => {
  const error = await asked.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof FaultError ? error.fault.kind : 'none';
};

test('two sessions see one world, and the same key through both has one effect', async (t) => {
  const { control, session } = await begin(t, { vmsPerGroup: 50 });
  const [one, other] = [session(), session()];
  const vms = Array.from({ length: 50 }, (_, at) => vm(at + 1));
  const off = (from: typeof one) =>
    from.verb('lab-compute-a', 'powerOff', vms, { key: 'run/off/run/1' });
  const [first, second] = await Promise.all([off(one), off(other)]);
  t.deepEqual(first, second);
  const effects = await control.effects('powerOff');
  t.is(effects.length, 50);
  t.true(effects.every(({ times }) => times === 1));
});

test('an accepted operation outlives the session that started it', async (t) => {
  const { control, session } = await begin(t, { operationMs: { sync: 36_000_000 } });
  const first = session();
  const operation = operationOf(await first.verb('lab-a', 'sync', [group()]));
  first.port.close();
  await control.advance(18_000_000);
  const second = session();
  t.like(await second.poll('lab-a', 'cg-0001', operation), { state: 'running', progress: 0.5 });
  await control.advance(18_000_000);
  t.like(await second.poll('lab-a', 'cg-0001', operation), { state: 'done' });
});

test('a slow call whose session goes away still lands: settle waits for it', async (t) => {
  const { control, session } = await begin(t);
  await control.setLatency({ verb: 'powerOff', ms: 1_000 });
  const first = session();
  const key = 'run/off/run/1';
  const call = faultOf(first.verb('lab-compute-a', 'powerOff', [vm()], { key }));
  while ((await control.slowCalls()) === 0) await control.now();
  first.port.close();
  t.is(await call, 'unreachable');
  await control.setLatency({ verb: 'powerOff', ms: 0 });
  const second = session();
  const settle = async () =>
    (await second.settle('lab-compute-a', 'powerOff', [vm()], key))[0]?.verdict;
  t.is(await settle(), 'running');
  await control.advance(1_000);
  t.is(await settle(), 'done');
});

test('over a socket a hanging call ends with its signal, and others go on', async (t) => {
  const { control, session } = await begin(t, { vmsPerGroup: 2 });
  const { verb } = session();
  await control.hangNext({ verb: 'powerOff', targetIds: ['vm-00001'] });
  const giving = new AbortController();
  const hanging = verb('lab-compute-a', 'powerOff', [vm(1)], { signal: giving.signal });
  t.deepEqual(said(await verb('lab-compute-a', 'powerOff', [vm(2)])), ['ok']);
  giving.abort();
  t.is(await faultOf(hanging), 'timeout');
});

test('a world that ended is unreachable; one that is served again is found again', async (t) => {
  const { socket, world, session } = await begin(t);
  const { verb } = session();
  const look = () => faultOf(verb('lab-a', 'deviceStatus', [group()]));
  t.is(await look(), 'none');
  await world.close();
  t.is(await look(), 'unreachable');
  const again = await startLabWorld({ socket, spec: labSpec() });
  t.is(await look(), 'none');
  await again.close();
});

test('a second world on a live socket is refused', async (t) => {
  const { socket, session } = await begin(t);
  await t.throwsAsync(startLabWorld({ socket, spec: labSpec(), quiet: true }), {
    message: /no world could be started/,
  });
  t.deepEqual(said(await session().verb('lab-compute-a', 'powerOff', [vm()])), ['ok']);
});

test('the plugin reaches the world that its configuration names, and refuses others', async (t) => {
  const { socket } = await begin(t);
  const context = (world: object, remoteId = 'lab-a') => ({
    config: plugin.config.parse({ world }),
    remoteId,
    siteId: 'site-a',
    signal: new AbortController().signal,
    connect,
  });
  const session = await plugin.open(context({ socket }));
  await plugin.close?.(session);
  t.is(await faultOf(Promise.resolve(plugin.open(context({ socket }, 'nobody')))), 'missing');
  t.is(await faultOf(Promise.resolve(plugin.open(context({ inline: 'nobody' })))), 'missing');
  t.throws(() => plugin.config.parse({ world: { sockett: 'x' } }));
  const where = plugin.instance as (config: object) => string;
  t.is(where(plugin.config.parse({ world: { socket } })), 'per-thread');
  t.is(where(plugin.config.parse({ world: { inline: 'x', spec: { groups: 2 } } })), 'single');
});

test('a simulation hands in its time, and the plugin makes its worlds live by it', async (t) => {
  const slept: number[] = [];
  const sleep = async (ms: number): Promise<void> => void slept.push(ms);
  const simulated = createLabPlugin({ now: () => 42, sleep });
  const world = { inline: 'simulated', spec: { latencies: [{ ms: 7 }] } };
  const session = await simulated.open({
    config: simulated.config.parse({ world }),
    remoteId: 'lab-b',
    siteId: 'site-b',
    signal: new AbortController().signal,
    connect,
  });
  const { verb } = verbsOf(session.port);
  await verb('lab-b', 'deviceStatus', [group()]);
  t.deepEqual(slept, [7]);
});
