/** The QMP client against a monitor that says what a test wants it to say. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { fileOf } from '../../plugins/qemu/array.ts';
import { takeMonitor } from '../../plugins/qemu/daemon.ts';
import { faultOf, QmpError, QmpLost } from '../../plugins/qemu/faults.ts';
import { Qmp } from '../../plugins/qemu/qmp.ts';

interface Asked {
  readonly execute: string;
  readonly arguments: unknown;
  readonly id: number;
}

type Answering = (asked: Asked, say: (message: object | string) => void, socket: Socket) => void;

const greeting = { QMP: { version: {}, capabilities: [] } };

interface Fake {
  readonly answer?: Answering;
  /** What it says to who connects; default: its greeting. */
  readonly says?: readonly (object | string)[];
  /** Default: it does. */
  readonly negotiates?: boolean;
}

/** A monitor that agrees to the negotiation, and leaves the rest to the test. */
const serve = async (
  t: ExecutionContext,
  path: string,
  { answer = () => undefined, says = [greeting], negotiates = true }: Fake,
): Promise<Set<Socket>> => {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    const say = (message: object | string): void => {
      socket.write(typeof message === 'string' ? message : `${JSON.stringify(message)}\r\n`);
    };
    for (const message of says) say(message);
    let text = '';
    socket.on('data', (bytes) => {
      text += bytes;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const asked of lines.map((line) => JSON.parse(line) as Asked)) {
        if (asked.execute !== 'qmp_capabilities') answer(asked, say, socket);
        else if (negotiates) say({ return: {}, id: asked.id });
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return sockets;
};

const folderFor = async (t: ExecutionContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-qmp-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
};

const monitor = async (
  t: ExecutionContext,
  answer: Answering,
  more: Omit<Fake, 'answer'> = {},
): Promise<string> => {
  const path = join(await folderFor(t), 'qmp.sock');
  await serve(t, path, { answer, ...more });
  return path;
};

const open = async (t: ExecutionContext, path: string): Promise<Qmp> => {
  const qmp = await Qmp.open(path);
  t.teardown(() => qmp.close());
  return qmp;
};

test('qmp: answers in another order than asked → each reaches its own caller', async (t) => {
  const held: (() => void)[] = [];
  const path = await monitor(t, ({ execute, id }, say) => {
    held.push(() => say({ return: execute, id }));
    if (held.length === 3) for (const send of held.reverse()) send();
  });
  const qmp = await open(t, path);
  const names = ['first', 'second', 'third'];
  t.deepEqual(await Promise.all(names.map((name) => qmp.must(name))), names);
});

test('qmp: a refusal → class and words verbatim, as a value and as a fault', async (t) => {
  const error = { class: 'GenericError', desc: "Node 'disk' is busy: block device is in use" };
  const path = await monitor(t, ({ id }, say) => say({ error, id }));
  const qmp = await open(t, path);
  t.deepEqual(await qmp.execute('block-job-cancel'), { ok: false, refusal: error });
  const thrown = await t.throwsAsync(qmp.must('block-job-cancel'), { instanceOf: QmpError });
  const fault = faultOf(thrown);
  t.like(fault, { kind: 'busy', owner: 'array', code: 'GenericError' });
  t.true(fault?.message.includes(error.desc));
});

test('qmp: an answer in pieces, several in one packet (utf-8 cut in a character) → whole', async (t) => {
  const value = { text: 'ä'.repeat(1000) };
  const path = await monitor(t, ({ id }, _say, socket) => {
    const bytes = Buffer.from(`${JSON.stringify({ return: value, id })}\n`.repeat(2));
    socket.write(bytes.subarray(0, 601));
    setTimeout(() => socket.write(bytes.subarray(601)), 5);
  });
  const qmp = await open(t, path);
  t.deepEqual(await qmp.must('query'), value);
});

test('qmp: no answer within the wait, and one that comes late → timeout, the late one is nobody’s', async (t) => {
  const path = await monitor(t, ({ execute, id }, say) => {
    if (execute === 'slow') setTimeout(() => say({ return: 'late', id }), 50);
    else say({ return: execute, id });
  });
  const qmp = await open(t, path);
  const lost = await t.throwsAsync(qmp.execute('slow', {}, { waitMsMax: 5 }), {
    instanceOf: QmpLost,
  });
  t.is(faultOf(lost)?.kind, 'timeout');
  await new Promise((resolve) => setTimeout(resolve, 60));
  t.is(await qmp.must('next'), 'next');
});

test('qmp: the caller’s signal → given up at once, and the connection still serves', async (t) => {
  const path = await monitor(t, ({ execute, id }, say) => {
    if (execute !== 'silent') say({ return: execute, id });
  });
  const qmp = await open(t, path);
  const signal = AbortSignal.timeout(5);
  const lost = await t.throwsAsync(qmp.execute('silent', {}, { signal }), { instanceOf: QmpLost });
  t.is(faultOf(lost)?.kind, 'timeout');
  t.is(await qmp.must('next'), 'next');
});

test('qmp: the monitor dies in mid-command → unreachable for every caller, now and later', async (t) => {
  const path = await monitor(t, (_asked, _say, socket) => socket.destroy());
  const qmp = await open(t, path);
  const events = qmp.events();
  for (const command of ['quit', 'again']) {
    const lost = await t.throwsAsync(qmp.must(command), { instanceOf: QmpLost });
    t.is(faultOf(lost)?.kind, 'unreachable');
  }
  await t.throwsAsync(events.next(AbortSignal.timeout(5_000)), { instanceOf: QmpLost });
  t.true(qmp.closed);
});

test('qmp: what is not QMP → the connection ends, nothing is guessed', async (t) => {
  const path = await monitor(t, (_asked, say) => say('hello\n'));
  const qmp = await open(t, path);
  const lost = await t.throwsAsync(qmp.must('query'), { instanceOf: QmpLost });
  t.regex(lost.message, /not QMP: hello/);
});

test('qmp: nobody listens, or nobody greets → unreachable, timeout', async (t) => {
  const nobody = await t.throwsAsync(Qmp.open(join(tmpdir(), 'siteswap-no-such.sock')));
  t.is(faultOf(nobody)?.kind, 'unreachable');
  const path = await monitor(t, () => undefined, { says: [] });
  const silent = await t.throwsAsync(Qmp.open(path, { waitMsMax: 20 }));
  t.is(faultOf(silent)?.kind, 'timeout');
});

test('qmp: events → in order to every queue, those before the one awaited are passed over', async (t) => {
  const path = await monitor(t, ({ id }, say) => {
    for (const event of ['A', 'B', 'C']) {
      say({ event, data: { device: event }, timestamp: { seconds: 2, microseconds: 5_000 } });
    }
    say({ return: {}, id });
  });
  const qmp = await open(t, path);
  const [all, one] = [qmp.events(), qmp.events()];
  await qmp.must('go');
  const signal = AbortSignal.timeout(5_000);
  const found = await one.until(({ data }) => data.device === 'C', signal);
  t.deepEqual(found, { name: 'C', data: { device: 'C' }, atMs: 2_005 });
  t.is((await all.next(signal)).name, 'A');
  t.is((await all.next(signal)).name, 'B');
  const none = all.until(({ name }) => name === 'D', AbortSignal.timeout(5));
  await t.throwsAsync(none, { instanceOf: QmpLost });
});

test('qmp: what is left of the client before, half lines too → passed over until the greeting', async (t) => {
  const answer: Answering = ({ execute, id }, say) => say({ return: execute, id });
  const left = ['"status": "ready"}}\r\n', { return: 'late', id: 1 }, { event: 'OLD' }, greeting];
  const qmp = await open(t, await monitor(t, answer, { says: left }));
  t.is(await qmp.must('query'), 'query');
});

test('qmp: the numbers of two connections’ commands → none in common', async (t) => {
  const numbers: number[] = [];
  const path = await monitor(t, ({ id }, say) => {
    numbers.push(id);
    say({ return: {}, id });
  });
  for (const qmp of [await open(t, path), await open(t, path)]) await qmp.must('query');
  t.is(new Set(numbers).size, 2);
});

test('qmp: closed → told to the monitor, and read until that has closed too', async (t) => {
  const heard: string[] = [];
  const path = await monitor(t, ({ id }, say, socket) => {
    say({ return: {}, id });
    socket.on('end', () => heard.push('end')).on('close', () => heard.push('close'));
  });
  const qmp = await open(t, path);
  await qmp.must('query');
  await qmp.close();
  t.is(heard[0], 'end');
  t.true(qmp.closed);
  await t.throwsAsync(qmp.must('query'), { instanceOf: QmpLost, message: /closed by us/ });
});

test('a monitor that is mute for good → another one serves, and nobody comes by it again', async (t) => {
  const directory = await folderFor(t);
  const mute = await serve(t, fileOf.monitor(directory, 0), { negotiates: false });
  const answer: Answering = ({ id }, say) => say({ return: [{ name: 'run-1' }], id });
  await serve(t, fileOf.monitor(directory, 1), { answer });
  const address = { path: join(directory, 'nbd.sock') };
  const storage = { format: 1, id: 'a', uuid: directory, name: 'a', peerArrayIds: [], address };
  const { signal } = new AbortController();
  for (let time = 0; time < 2; time += 1) {
    const { run, release } = await takeMonitor({ ...storage, directory, start: false }, signal);
    t.is(run, 'run-1');
    await release();
  }
  t.is(mute.size, 1);
});
