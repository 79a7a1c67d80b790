/** Connections of plugins: unchanged while nothing is on, and each toxic's own effect. */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type PlacedRule, Wire } from '../../daemon/gateway/wire.ts';
import type { Toxic } from '../../sdk/plugin/wire/toxic.ts';

/** Sends back what it gets, upper case; says what came and how each connection ended. */
const echo = async (t: ExecutionContext) => {
  const came: string[] = [];
  const ends: string[] = [];
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('data', (chunk) => {
      came.push(chunk.toString());
      socket.write(chunk.toString().toUpperCase());
    });
    socket.on('error', ({ message }) => ends.push(message));
    socket.on('close', () => ends.push('close'));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  return { came, ends, address: { host: '127.0.0.1', port } };
};

const ruleOf = (toxic: Toxic, more: Partial<PlacedRule> = {}): PlacedRule => ({
  name: toxic.toxic,
  seed: 1,
  stream: 'downstream',
  toxicity: 1,
  toxic,
  remoteIds: ['a1'],
  ...more,
});

const scene = async (t: ExecutionContext) => {
  const far = await echo(t);
  const lost = new Set<string>();
  const hits: string[] = [];
  const wire = new Wire(
    (siteId) => lost.has(siteId),
    (rule) => hits.push(rule),
  );
  const connect = wire.connectorFor('a1', 'west');
  const open = async () => {
    const stream = await connect(far.address);
    t.teardown(() => stream.destroy());
    stream.on('error', () => {});
    return stream;
  };
  return { ...far, wire, hits, lost, connect, open };
};

/** What comes until so many bytes are there, piece by piece. */
const heard = async (stream: Duplex, bytes: number): Promise<string[]> => {
  const pieces: string[] = [];
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    pieces.push(String(chunk));
    if (pieces.join('').length >= bytes) break;
  }
  return pieces;
};

const ended = (stream: Duplex) =>
  new Promise<string>((resolve) => {
    if (stream.destroyed) resolve(stream.errored?.message ?? 'closed');
    stream.resume();
    stream.once('close', () => resolve(stream.errored?.message ?? 'closed'));
  });

test('nothing is on: bytes pass unchanged both ways, and the end too', async (t) => {
  const { open, came, hits } = await scene(t);
  const stream = await open();
  const text = Array.from({ length: 50_000 }, (_, at) => `line ${at};`).join('');
  stream.end(text);
  const pieces: string[] = [];
  for await (const chunk of stream) pieces.push(String(chunk));
  t.is(came.join(''), text);
  t.is(pieces.join(''), text.toUpperCase());
  t.deepEqual(hits, []);
});

test('latency: a piece is heard later; off again, open connections hear at once', async (t) => {
  const { open, wire, hits } = await scene(t);
  const stream = await open();
  wire.set([ruleOf({ toxic: 'latency', latencyMs: 60_000 })]);
  stream.write('held');
  while (hits.length === 0) await delay(1);
  t.is(stream.readableLength, 0);
  wire.set([]);
  t.deepEqual(await heard(stream, 4), ['HELD']);
  t.deepEqual(hits, ['latency']);
});

test('latency: order and bytes are kept', async (t) => {
  const { open, wire } = await scene(t);
  wire.set([ruleOf({ toxic: 'latency', latencyMs: 5, jitterMs: 5 })]);
  const stream = await open();
  for (const word of ['one,', 'two,', 'three,', 'four']) stream.write(word);
  t.is((await heard(stream, 18)).join(''), 'ONE,TWO,THREE,FOUR');
});

test('slicer: one piece comes as several', async (t) => {
  const { open, wire } = await scene(t);
  wire.set([ruleOf({ toxic: 'slicer', averageBytes: 4, delayMs: 1 })]);
  const stream = await open();
  stream.write('abcdefghij');
  t.deepEqual(await heard(stream, 10), ['ABCD', 'EFGH', 'IJ']);
});

test('bandwidth: bytes take their time and stay whole', async (t) => {
  const { open, wire } = await scene(t);
  wire.set([ruleOf({ toxic: 'bandwidth', bytesPerSecond: 1_000 })]);
  const stream = await open();
  const startMs = performance.now();
  stream.write('x'.repeat(200));
  t.is((await heard(stream, 200)).join(''), 'X'.repeat(200));
  t.true(performance.now() - startMs >= 180);
});

test('limit-data: so many bytes, then the end', async (t) => {
  const { open, wire } = await scene(t);
  wire.set([ruleOf({ toxic: 'limit-data', bytes: 4 })]);
  const stream = await open();
  stream.write('abcdefgh');
  t.deepEqual(await heard(stream, 4), ['ABCD']);
  t.is(await ended(stream), 'closed');
});

test('reset-peer upstream: the request never arrives, and both ends see a broken one', async (t) => {
  const { open, wire, came } = await scene(t);
  wire.set([ruleOf({ toxic: 'reset-peer', timeoutMs: 1 }, { stream: 'upstream' })]);
  const stream = await open();
  stream.write('hello');
  t.is(await ended(stream), 'read ECONNRESET');
  t.deepEqual(came, []);
});

test('reset-peer downstream: the request arrived, its answer is lost', async (t) => {
  const { open, wire, came } = await scene(t);
  wire.set([ruleOf({ toxic: 'reset-peer', timeoutMs: 0 })]);
  const stream = await open();
  stream.write('hello');
  t.is(await ended(stream), 'read ECONNRESET');
  t.deepEqual(came, ['hello']);
});

test('timeout: nothing is heard, then the connection closes', async (t) => {
  const { open, wire } = await scene(t);
  wire.set([ruleOf({ toxic: 'timeout', timeoutMs: 10 })]);
  const stream = await open();
  stream.write('hello');
  t.is(await ended(stream), 'closed');
});

test('timeout 0: nothing is heard until it is off, and nothing is lost', async (t) => {
  const { open, wire, hits } = await scene(t);
  wire.set([ruleOf({ toxic: 'timeout', timeoutMs: 0 })]);
  const stream = await open();
  stream.write('one,');
  while (hits.length === 0) await delay(1);
  stream.write('two');
  wire.set([]);
  t.is((await heard(stream, 7)).join(''), 'ONE,TWO');
});

test('slow-close: bytes at once, the end later', async (t) => {
  const { open, wire } = await scene(t);
  wire.set([ruleOf({ toxic: 'slow-close', delayMs: 50 }, { stream: 'upstream' })]);
  const stream = await open();
  const startMs = performance.now();
  stream.end('hello');
  t.deepEqual(await heard(stream, 5), ['HELLO']);
  await ended(stream);
  t.true(performance.now() - startMs >= 45);
});

test('down: open connections end, new ones are refused; off again, it is reached', async (t) => {
  const { open, wire, connect, address } = await scene(t);
  const stream = await open();
  wire.set([ruleOf({ toxic: 'down' })]);
  t.is(await ended(stream), 'read ECONNRESET');
  const error = await t.throwsAsync(connect(address));
  t.like(error, { code: 'ECONNREFUSED' });
  wire.set([]);
  (await open()).destroy();
});

test('another remote is left alone; toxicity picks the same connections each time', async (t) => {
  const picked = async () => {
    const { open, wire, hits } = await scene(t);
    wire.set([
      ruleOf({ toxic: 'down' }, { remoteIds: ['b1'] }),
      ruleOf({ toxic: 'slicer', averageBytes: 1 }, { toxicity: 0.5 }),
    ]);
    const sliced: number[] = [];
    for (let at = 0; at < 12; at++) {
      const stream = await open();
      stream.write('abc');
      await heard(stream, 3);
      if (hits.length > sliced.length) sliced.push(at);
    }
    return sliced;
  };
  const first = await picked();
  t.true(first.length > 2 && first.length < 10, `${first}`);
  t.deepEqual(await picked(), first);
});

test('a lost site: what is open is cut, and it is not dialled', async (t) => {
  const { open, wire, lost, connect, address } = await scene(t);
  const stream = await open();
  lost.add('west');
  wire.siteLost('west');
  t.is(await ended(stream), 'closed');
  t.like(await t.throwsAsync(connect(address)), { fault: { code: 'SITE_LOST' } });
});
