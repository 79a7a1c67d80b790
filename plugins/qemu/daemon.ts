/**
 * The storage daemon of an array: started when there is none, adopted when there is one, ended only
 * on request. It outlives this plugin. What it is doing is asked, never remembered: it carries the
 * name of its run itself, so that a later one is never taken for it.
 */
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { fileOf, type Storage } from './array.ts';
import { format, writeJson } from './durable.ts';
import { failure, isUnreachable, QmpLost } from './faults.ts';
import {
  daemonTries,
  dyingMsMax,
  greetingMsMax,
  monitorsMax,
  monitorTries,
  muteMsHeld,
  muteMsMax,
  quitMsMax,
} from './limits.ts';
import { lockAnyOf, type NamedLock, waitFor, withLocks } from './locks.ts';
import { checkSocketPath, endProcess, startProcess } from './processes.ts';
import { Qmp } from './qmp.ts';

/** A monitor of a daemon, in use by one client. */
export interface Monitor {
  readonly qmp: Qmp;
  /** Names the daemon's life: another one has other nodes, jobs and exports. */
  readonly run: string;
  readonly release: () => Promise<void>;
}

const numbers = Array.from({ length: monitorsMax }, (_, number) => number);

const monitorArguments = (directory: string): string[] =>
  numbers.flatMap((number) => {
    const path = fileOf.monitor(directory, number);
    const escaped = path.replaceAll(',', ',,');
    return [
      ...['--chardev', `socket,id=qmp-${number},path=${escaped},server=on,wait=off`],
      ...['--monitor', `chardev=qmp-${number}`],
    ];
  });

const serverArgument = ({ address }: Storage): string =>
  'path' in address
    ? `addr.type=unix,addr.path=${address.path.replaceAll(',', ',,')},max-connections=0`
    : `addr.type=inet,addr.host=${address.host},addr.port=${address.port},max-connections=0`;

const program = 'qemu-storage-daemon';

/** Starts a daemon that this process does not wait for. Its words go to `daemon.log`. */
const spawnDaemon = async (storage: Storage): Promise<void> => {
  const { directory } = storage;
  checkSocketPath(fileOf.monitor(directory, monitorsMax), directory);
  const args = [
    ...monitorArguments(directory),
    ...['--nbd-server', serverArgument(storage), '--pidfile', fileOf.pid(directory)],
  ];
  await startProcess(program, args, { path: fileOf.log(directory), adds: true });
};

const lastWords = async ({ directory }: Storage): Promise<string> => {
  const text = await readFile(fileOf.log(directory), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-2).join(' ');
};

const runPrefix = 'run-';

const knownRun = async (qmp: Qmp): Promise<string | undefined> => {
  const answer = await qmp.execute('qom-list', { path: '/objects' });
  // There is no such path while there is no object.
  const objects = answer.ok ? (answer.value as readonly { name: string }[]) : [];
  return objects.find(({ name }) => name.startsWith(runPrefix))?.name;
};

/** The run's name stands in the daemon as an object: who comes first gives it one. */
const runOf = async (storage: Storage, qmp: Qmp, signal: AbortSignal): Promise<string> => {
  const known = await knownRun(qmp);
  if (known !== undefined) return known;
  return withLocks([`name of the run of array ${storage.uuid}`], signal, async () => {
    const given = await knownRun(qmp);
    if (given !== undefined) return given;
    const id = `${runPrefix}${randomBytes(8).toString('hex')}`;
    await qmp.must('object-add', { 'qom-type': 'throttle-group', id });
    return id;
  });
};

/** Starts the daemon unless somebody else just did. */
const startDaemon = (storage: Storage, signal: AbortSignal): Promise<void> =>
  withLocks([`start of array ${storage.uuid}`], signal, async () => {
    const path = fileOf.monitor(storage.directory, 0);
    const serves = (): Promise<true | undefined> =>
      Qmp.open(path).then(
        async (qmp) => {
          await qmp.close();
          return true as const;
        },
        (error: unknown) => {
          if (isUnreachable(error)) return undefined;
          throw error;
        },
      );
    const monitor = await lockAnyOf([monitorLock(storage, 0)], signal);
    try {
      if (await serves()) return;
      // Nobody listens: it may be dying, which takes a moment.
      const gone = async () => ((await daemonPid(storage)) === undefined ? true : undefined);
      if (!(await waitFor(gone, dyingMsMax, signal))) {
        const pid = await daemonPid(storage);
        throw failure('unreachable', `the daemon of array ${storage.id} lives, mute: pid ${pid}`);
      }
      // One whose starter was cut off: another one would take its sockets away, and then end.
      if (!(await isStarting(storage))) await spawnDaemon(storage);
      if (await waitFor(serves, greetingMsMax, signal)) return;
    } finally {
      await monitor.release();
    }
    const words = await lastWords(storage);
    throw failure('unreachable', `the daemon of array ${storage.id} did not start: ${words}`);
  });

const monitorLock = ({ uuid }: Storage, number: number): string =>
  `monitor ${number} of array ${uuid}`;

/** A monitor that serves, of those that are free, and the lock that keeps others from it. */
const openFree = async (
  storage: Storage,
  signal: AbortSignal,
): Promise<{ readonly qmp: Qmp; readonly lock: NamedLock }> => {
  const names = numbers.map((number) => monitorLock(storage, number));
  const mute: NamedLock[] = [];
  for (let tries = 1; ; tries += 1) {
    const lock = await lockAnyOf(names, signal);
    const path = fileOf.monitor(storage.directory, names.indexOf(lock.name));
    try {
      const waitMsMax = tries < monitorTries ? muteMsMax : greetingMsMax;
      const qmp = await Qmp.open(path, { waitMsMax });
      // The daemon serves, but those do not: others would wait for them in vain.
      if (mute.length > 0) setTimeout(() => void releaseAll(mute), muteMsHeld).unref();
      return { qmp, lock };
    } catch (error) {
      mute.push(lock);
      if (error instanceof QmpLost && tries < monitorTries) continue;
      await releaseAll(mute);
      throw error;
    }
  }
};

const releaseAll = async (locks: readonly NamedLock[]): Promise<void> => {
  for (const { release } of locks) await release();
};

const openMonitor = async (storage: Storage, signal: AbortSignal): Promise<Monitor> => {
  const { qmp, lock } = await openFree(storage, signal);
  const release = async (): Promise<void> => {
    await qmp.close();
    await lock.release();
  };
  try {
    return { qmp, run: await runOf(storage, qmp, signal), release };
  } catch (error) {
    await release();
    throw error;
  }
};

/** A free monitor of the array's daemon. Throws `unreachable` when there is no daemon. */
export const takeMonitor = async (storage: Storage, signal: AbortSignal): Promise<Monitor> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await openMonitor(storage, signal);
    } catch (error) {
      // One that dies while it is opened is found dead by the next try.
      if (!isUnreachable(error) || !storage.start || tries === daemonTries) throw error;
    }
    await startDaemon(storage, signal);
  }
};

/** Ends the daemon, if there is one: its images are closed, and that is noted. */
export const stopDaemon = async (storage: Storage, signal: AbortSignal): Promise<void> => {
  const monitor = await takeMonitor({ ...storage, start: false }, signal).catch((error) => {
    if (isUnreachable(error)) return undefined;
    throw error;
  });
  if (monitor === undefined) return;
  const { qmp, run, release } = monitor;
  try {
    const events = qmp.events();
    await qmp.must('quit').catch((error: unknown) => {
      if (!(error instanceof QmpLost)) throw error;
    });
    const ended = AbortSignal.timeout(quitMsMax);
    await events.until(() => false, ended).catch(() => undefined);
    if (!qmp.closed) throw failure('timeout', `the daemon of ${storage.id} did not quit`);
  } finally {
    await release();
  }
  await waitFor(
    async () => ((await daemonPid(storage)) === undefined ? true : undefined),
    quitMsMax,
  );
  await writeJson(fileOf.stopped(storage.directory), { format, run } as { format: number });
};

/** Process id of a daemon that lives; it holds the sockets of this very directory. */
export const daemonPid = async ({ directory }: Storage): Promise<number | undefined> => {
  const pid = Number(await readFile(fileOf.pid(directory), 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes(fileOf.monitor(directory, 0)) ? pid : undefined;
};

/** A process of this very directory that has not come to write its id down. */
const isStarting = async ({ directory }: Storage): Promise<boolean> => {
  const monitor = fileOf.monitor(directory, 0);
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (command.startsWith(`${program}\0`) && command.includes(monitor)) return true;
  }
  return false;
};

/** SIGKILL, and its end: for those who break things on purpose. */
export const killDaemon = async (storage: Storage): Promise<void> => {
  for (let pid = await daemonPid(storage); pid !== undefined; pid = await daemonPid(storage)) {
    await endProcess(pid);
  }
};
