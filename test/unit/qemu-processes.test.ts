/** Processes that the qemu plugin starts: by a small one, and they outlive both. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { faultOf, faultOrUnknown } from '../../plugins/qemu/faults.ts';
import { checkInstalled, endProcess, isAlive, startProcess } from '../../plugins/qemu/processes.ts';
import { openSession } from '../../plugins/qemu/session.ts';

const logFor = (t: ExecutionContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'siteswap-processes-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'log');
};

const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; !holds() && tries < 2_000; tries += 1) await sleep(5);
};

const parentOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1]);

test.serial('a process → its id, its words in the log, and it can be ended', async (t) => {
  const path = logFor(t);
  const pid = await startProcess('sh', ['-c', 'echo "its words"; exec sleep 60'], {
    ...{ path, adds: false },
  });
  t.true(isAlive(pid));
  t.not(parentOf(pid), process.pid, 'this process has not forked');
  await until(() => existsSync(path) && readFileSync(path, 'utf8') !== '');
  t.is(readFileSync(path, 'utf8'), 'its words\n');
  await endProcess(pid);
  t.false(isAlive(pid));
  await endProcess(pid);
});

/** What the system says of how much a process gives way. */
const niceOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[16]);

test.serial(
  'a process that gives way → against others of its session and as a session',
  async (t) => {
    const log = { path: logFor(t), adds: false };
    const pid = await startProcess('sleep', ['60'], log, 7);
    t.is(niceOf(pid), 7);
    const group = `/proc/${pid}/autogroup`;
    if (existsSync(group)) t.regex(readFileSync(group, 'utf8'), /nice 7/);
    const other = await startProcess('sleep', ['60'], log);
    t.is(niceOf(other), niceOf(process.pid));
    for (const one of [pid, other]) await endProcess(one);
  },
);

test.serial('words are added to a log, or begin it', async (t) => {
  const path = logFor(t);
  for (const [adds, words] of [
    [false, 'a\n'],
    [true, 'a\na\n'],
    [false, 'a\n'],
  ] as const) {
    const pid = await startProcess('sh', ['-c', 'echo a'], { path, adds });
    await until(() => !isAlive(pid));
    t.is(readFileSync(path, 'utf8'), words);
  }
});

test.serial('no such program, no such place for its words → a fault that names it', async (t) => {
  const path = logFor(t);
  const tries = [
    startProcess('no-such-program', [], { path, adds: false }),
    startProcess('sh', ['-c', 'exit'], { path: join(path, 'x', 'log'), adds: false }),
  ];
  const [one, other] = await Promise.all(tries.map((tried) => tried.catch(faultOrUnknown)));
  t.like(one, { kind: 'unsupported', message: 'there is no no-such-program on this machine' });
  t.like(other, { kind: 'missing', code: 'ENOTDIR' });
});

test.serial(
  'a machine without QEMU → refused when a session opens, before anything is done',
  (t) => {
    checkInstalled(['sh', 'cat']);
    const paths = process.env.PATH;
    process.env.PATH = '/nonexistent';
    t.teardown(() => {
      process.env.PATH = paths;
    });
    const sessionOf = (config: object) => () =>
      openSession({ config, remoteId: 'r', siteId: 's' } as Parameters<typeof openSession>[0]);
    const told = (action: () => unknown) => faultOf(t.throws(action));
    t.like(told(sessionOf({ directory: '/d' })), {
      kind: 'unsupported',
      message: 'there is no qemu-storage-daemon on this machine',
    });
    t.like(told(sessionOf({ directory: '/d', arrays: {} })), {
      message: 'there is no qemu-system-x86_64 on this machine',
    });
  },
);

test.serial('who starts them was killed → the next one is started by another', async (t) => {
  const log = { path: logFor(t), adds: false };
  const pid = await startProcess('sleep', ['60'], log);
  const starter = parentOf(pid);
  process.kill(starter, 'SIGKILL');
  const waiting = startProcess('sleep', ['60'], log).catch(() => undefined);
  await until(() => !isAlive(starter));
  const lost = await waiting;
  await sleep(0);
  const next = await startProcess('sleep', ['60'], log);
  t.not(parentOf(next), starter);
  t.true(isAlive(pid), 'what it had started goes on');
  for (const one of [pid, next, lost]) if (one !== undefined) await endProcess(one);
});

test.serial('who asked ends → its process goes on, and nobody is left behind', async (t) => {
  const module = new URL('../../plugins/qemu/processes.js', import.meta.url).href;
  const log = JSON.stringify({ path: logFor(t), adds: false });
  const program = `const { startProcess } = await import(${JSON.stringify(module)});
    console.log(await startProcess('sleep', ['60'], ${log}));`;
  const run = promisify(execFile);
  const args = ['--input-type=module', '-e', program];
  const { stdout } = await run(process.execPath, args, { timeout: 60_000 });
  const pid = Number(stdout);
  t.true(isAlive(pid));
  await until(() => parentOf(pid) === 1 || !existsSync(`/proc/${parentOf(pid)}/cmdline`));
  const parent = readFileSync(`/proc/${parentOf(pid)}/cmdline`, 'latin1');
  t.false(parent.includes('starter.js'), 'the small process has gone');
  await endProcess(pid);
});
