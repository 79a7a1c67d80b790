/** What is on at the wire holds in every thread when it is said to, and in none when it is off. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PlacedRule } from '../../daemon/gateway/wire.ts';
import { createThreadPool } from '../../daemon/workers/threads.ts';
import { labSpec, startLabWorld } from '../../plugins/lab/control.ts';

const rule = (more: Partial<PlacedRule>): PlacedRule => ({
  name: 'r',
  seed: 1,
  stream: 'downstream',
  toxicity: 1,
  toxic: { toxic: 'down' },
  remoteIds: ['lab-a'],
  ...more,
});

/** A lab in a process of its own, behind real threads. */
const begin = async (t: ExecutionContext) => {
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-wire-'));
  const socket = join(folder, 'lab.sock');
  const world = await startLabWorld({ socket, spec: labSpec({}) });
  const module = new URL('../../plugins/lab/index.js', import.meta.url).href;
  const remotes = (['lab-a', 'lab-b'] as const).map((id) => ({
    id,
    kind: 'array' as const,
    siteId: id === 'lab-a' ? 'site-a' : 'site-b',
    pluginId: 'lab',
    module,
    config: { world: { socket } },
  }));
  const pool = createThreadPool({ remotes, siteIds: ['site-a', 'site-b'], threads: 2 });
  t.teardown(async () => {
    await pool.close();
    await world.close();
    await rm(folder, { recursive: true });
  });
  const ask = async (remoteId: string, timeoutMs = 30_000): Promise<string> => {
    const result = await pool.run({
      kind: 'listing',
      remoteId,
      verb: 'discoverArrays',
      page: { sizeMax: 10 },
      timeoutMs,
    });
    return result.kind === 'fault' ? result.fault.kind : 'answered';
  };
  const askMany = (remoteId: string, timeoutMs?: number) =>
    Promise.all(Array.from({ length: 8 }, () => ask(remoteId, timeoutMs)));
  return { pool, ask, askMany };
};

const all = (word: string) => Array.from({ length: 8 }, () => word);

test('down at one array → unreachable in each thread, its neighbour answers; off → answers', async (t) => {
  const { pool, askMany } = await begin(t);
  t.deepEqual(await askMany('lab-a'), all('answered'));
  await pool.setWire([rule({})]);
  t.deepEqual(await askMany('lab-a'), all('unreachable'));
  t.deepEqual(await askMany('lab-b'), all('answered'));
  t.true((pool.wireHits().get('r') ?? 0) > 0);
  await pool.setWire([]);
  t.deepEqual(await askMany('lab-b'), all('answered'));
  let found = await askMany('lab-a');
  // A session that could not be opened is not tried again for a moment.
  while (found.includes('unreachable')) found = await askMany('lab-a');
  t.deepEqual(found, all('answered'));
});

test('latency beyond the deadline → time-outs; switched off in the middle → answers at once', async (t) => {
  const { pool, ask, askMany } = await begin(t);
  t.is(await ask('lab-a'), 'answered');
  const latency = rule({ toxic: { toxic: 'latency', latencyMs: 3_600_000 } });
  await pool.setWire([latency]);
  t.deepEqual(await askMany('lab-a', 2_000), all('timeout'));
  const waiting = askMany('lab-a');
  await pool.setWire([]);
  t.deepEqual(await waiting, all('answered'));
});

test('too many rules → refused, and what is on stays', async (t) => {
  const { pool, ask } = await begin(t);
  const many = Array.from({ length: 65 }, (_, at) => rule({ name: `r${at}` }));
  await t.throwsAsync(pool.setWire(many), { instanceOf: RangeError });
  t.is(await ask('lab-a'), 'answered');
});
