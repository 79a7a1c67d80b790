/**
 * A VM's process. It is started paused and let go on once it is durably known: a start that was cut
 * short anywhere has never run. It outlives the daemon; what it does is asked of its monitors, of
 * which it has one for those who change something and one for those who only look.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  format,
  makeDirectory,
  type Replaced,
  readJson,
  replaceJson,
  writeJson,
} from './durable.ts';
import { failure, isUnreachable, QmpLost } from './faults.ts';
import {
  greetingMsMax,
  guestNice,
  killMsMax,
  lookMsMax,
  memoryMiB,
  pollMsMin,
  processPollMsMax,
  serialBytesMax,
  switchMsMax,
  translatedMiB,
} from './limits.ts';
import { lockAnyOf, waitFor } from './locks.ts';
import {
  logFile,
  machineFile,
  pidFile,
  serialFile,
  socketOf,
  socketsIn,
  type VmAt,
  vmDirectory,
} from './places.ts';
import {
  checkSocketPath,
  endProcess,
  isAlive,
  pullPlugOf,
  startProcess,
  textOf,
} from './processes.ts';
import { Qmp } from './qmp.ts';

/** Content of `machine.json`: the process that a VM has or had here. */
export interface Machine {
  readonly format: number;
  /** Names this process and nothing else, ever. */
  readonly token: string;
  /** New at each boot; a migration carries it along. */
  readonly bootId: string;
  readonly host: string;
  /** The migration that it came by. */
  readonly arrival?: string;
  /** Where its guest stood when it came. */
  readonly came?: { readonly heartbeat?: number; readonly resumedAt?: number };
}

export type BlockDevice = Readonly<Record<string, unknown>>;

export const readMachine = (at: VmAt): Promise<Machine | undefined> =>
  readJson<Machine>(machineFile(at));

export const saveMachine = (at: VmAt, machine: Omit<Machine, 'format'>): Promise<void> =>
  writeJson(machineFile(at), { format, ...machine } as Machine);

/** Its process id, while it lives; a later process of that number does not carry its token. */
export const pidOf = async (at: VmAt, token: string): Promise<number | undefined> => {
  const pid = Number(textOf(pidFile(at, token)));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (!isAlive(pid)) return undefined;
  return textOf(`/proc/${pid}/cmdline`).includes(token) ? pid : undefined;
};

/**
 * Runs `body` with a monitor: those of one kind are served one after the other. It is left in peace
 * while its caller goes on: who comes next waits for that, nobody else.
 */
export const withMonitor = async <T>(
  at: VmAt,
  token: string,
  use: 'change' | 'look',
  signal: AbortSignal,
  body: (qmp: Qmp) => Promise<T>,
): Promise<T> => {
  const { release } = await lockAnyOf([`monitor ${use} of ${token}`], signal);
  const limits = { signal, ...(use === 'look' ? { waitMsMax: lookMsMax } : {}) };
  const opened = Qmp.open(socketOf(at, token, use), limits);
  try {
    return await body(await opened);
  } finally {
    void opened.then((qmp) => qmp.close()).then(release, release);
  }
};

/** What QEMU says of a VM, in its own words. */
export interface Look {
  readonly machine?: Machine;
  /** `gone`: there is no process. */
  readonly status: string;
  /** Of its newest migration, away from here or to here; absent: there was none. */
  readonly migration?: string;
  /** Bytes that still have to go over. */
  readonly remaining?: number;
}

interface Migrate {
  readonly status?: string;
  readonly ram?: { readonly remaining?: number; readonly transferred?: number };
}

export const ask = async (qmp: Qmp): Promise<Omit<Look, 'machine'>> => {
  const [{ status }, { status: migration, ram }] = await Promise.all([
    qmp.must<{ status: string }>('query-status'),
    qmp.must<Migrate>('query-migrate'),
  ]);
  return {
    status,
    ...(migration === undefined ? {} : { migration }),
    ...(ram?.remaining === undefined ? {} : { remaining: ram.remaining }),
  };
};

const isGone = (error: unknown): boolean => error instanceof QmpLost || isUnreachable(error);

/**
 * Looks. A process that ends while it is asked is gone; one that has no monitor yet is starting,
 * and is asked again.
 */
export const lookAt = async (at: VmAt, signal: AbortSignal): Promise<Look> => {
  const machine = await readMachine(at);
  if (machine === undefined) return { status: 'gone' };
  let unreachable: unknown;
  const look = async (): Promise<Look | undefined> => {
    if ((await pidOf(at, machine.token)) === undefined) return { machine, status: 'gone' };
    try {
      return { machine, ...(await withMonitor(at, machine.token, 'look', signal, ask)) };
    } catch (error) {
      if (!isGone(error)) throw error;
      unreachable = error;
      return undefined;
    }
  };
  const found = await waitFor(look, lookMsMax, signal);
  if (found === undefined) throw unreachable;
  return found;
};

/** QEMU says that a migration is completed a moment before its source says what it is then. */
const isEnding = ({ status, migration }: Pick<Look, 'status' | 'migration'>): boolean =>
  status === 'finish-migrate' && migration === 'completed';

/** What `look` sees once that moment is over. */
export const pastEnding = async <T extends Pick<Look, 'status' | 'migration'>>(
  look: () => Promise<T>,
): Promise<T> => {
  const ended = async () => {
    const seen = await look();
    return isEnding(seen) ? undefined : seen;
  };
  return (await waitFor(ended, switchMsMax, undefined, pollMsMin)) ?? look();
};

const still: ReadonlySet<string> = new Set(['gone', 'postmigrate', 'inmigrate', 'shutdown']);

/** It came over whole and was not let go on yet. */
export const isPausedComplete = ({ status, migration, machine }: Look): boolean =>
  status === 'paused' && migration === 'completed' && machine?.arrival !== undefined;

/** Its guest runs here, or would but for an error of its disk. */
export const isOn = (look: Look): boolean =>
  !still.has(look.status) && look.status !== 'prelaunch' && !isPausedComplete(look);

const argumentsOf = (
  at: VmAt,
  { token, host }: Machine,
  disks: readonly BlockDevice[],
  arrives: boolean,
): string[] => {
  const socket = (path: string) => `unix:${path.replaceAll(',', ',,')},server=on,wait=off`;
  const blocks = disks.flatMap((disk, index) => {
    const errors = 'werror=stop,rerror=stop';
    const device = `virtio-blk-pci,drive=disk${index},bootindex=${index + 1},${errors}`;
    const node = JSON.stringify({ ...disk, 'node-name': `disk${index}` });
    return ['-blockdev', node, '-device', device];
  });
  return [
    ...['-name', `${at.id.replaceAll(',', ',,')},debug-threads=off`, '-S'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none'],
    ...['-machine', 'pc,usb=off', '-accel', `tcg,tb-size=${translatedMiB}`],
    ...['-m', String(memoryMiB)],
    ...['-smbios', `type=1,serial=${host.replaceAll(',', ',,')}`],
    ...['-qmp', socket(socketOf(at, token, 'change')), '-qmp', socket(socketOf(at, token, 'look'))],
    ...['-serial', `file:${serialFile(at, token)}`, '-pidfile', pidFile(at, token)],
    ...blocks,
    ...(arrives ? ['-incoming', `unix:${socketOf(at, token, 'arrive')}`] : []),
  ];
};

const lastWords = async (at: VmAt): Promise<string> => {
  const text = await readFile(logFile(at), 'utf8').catch(() => '');
  return text.trim().split('\n').slice(-2).join(' ');
};

/** It is the VM's process here, ahead of its start. */
export const reserve = async (at: VmAt, machine: Machine): Promise<Replaced> => {
  checkSocketPath(socketOf(at, machine.token, 'change'), at.directory);
  await makeDirectory(socketsIn(at));
  await makeDirectory(vmDirectory(at));
  return replaceJson(machineFile(at), machine);
};

/**
 * Starts the process that was reserved, paused; answers its monitor for changes, which the caller
 * closes. Throws with QEMU's own words when it ends at once; given up, it has never been.
 */
export const launch = async (
  at: VmAt,
  machine: Machine,
  disks: readonly BlockDevice[],
  signal: AbortSignal,
): Promise<Qmp> => {
  const args = argumentsOf(at, machine, disks, machine.arrival !== undefined);
  const log = { path: logFile(at), adds: false };
  const pid = await startProcess('qemu-system-x86_64', args, log, guestNice);
  const path = socketOf(at, machine.token, 'change');
  const greeted = async (): Promise<Qmp | 'ended' | undefined> => {
    if (!isAlive(pid)) return 'ended';
    if (!existsSync(path)) return undefined;
    return Qmp.open(path, { signal }).catch((error: unknown) => {
      if (isGone(error)) return undefined;
      throw error;
    });
  };
  try {
    const ready = await waitFor(greeted, greetingMsMax, signal, processPollMsMax);
    if (ready instanceof Qmp) return ready;
  } catch (error) {
    await endProcess(pid);
    throw error;
  }
  await endProcess(pid);
  throw failure(
    signal.aborted ? 'interrupted' : 'conflict',
    `VM ${at.id} does not start: ${await lastWords(at)}`,
  );
};

/** SIGKILL, of which nobody comes back; answers true once the process is gone. */
export const pullPlug = async (at: VmAt, token: string): Promise<true | undefined> => {
  const pid = await pidOf(at, token);
  return pid === undefined ? true : pullPlugOf(pid);
};

/** Pulls the plug; returns when the process is gone. */
export const kill = async (at: VmAt, token: string): Promise<void> => {
  const gone = () => pullPlug(at, token);
  if (await waitFor(gone, killMsMax, undefined, pollMsMin)) return;
  throw failure('busy', `the process of VM ${at.id} does not end`);
};

/** What the guest said on its serial port, as far as it is one of the plugin's own. */
export interface Spoken {
  /** The last number that its disk acknowledged. */
  readonly heartbeat?: number;
  /** What its disk held when it booted. */
  readonly resumedAt?: number;
}

/** The number of the last whole line of a kind: the one being written is not whole. */
const lastNumber = (text: string, letter: string): number | undefined => {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const line = lines.findLast((one) => one.startsWith(letter) && one.length === 9);
  return line === undefined ? undefined : Number.parseInt(line.slice(1), 16);
};

/** The first and the last bytes of a file that only grows; empty where it cannot be read. */
const endsOf = (path: string, headBytes: number, tailBytes: number): readonly string[] => {
  try {
    const file = openSync(path, 'r');
    try {
      const part = (position: number, bytes: number): string => {
        const buffer = Buffer.alloc(bytes);
        return buffer.toString('latin1', 0, readSync(file, buffer, 0, bytes, position));
      };
      return [part(0, headBytes), part(Math.max(0, fstatSync(file).size - tailBytes), tailBytes)];
    } finally {
      closeSync(file);
    }
  } catch {
    return ['', ''];
  }
};

/** Of a guest that has run for weeks no more is read than of a new one. */
export const readSerial = (at: VmAt, { token, came = {} }: Machine): Spoken => {
  const [head = '', tail = ''] = endsOf(serialFile(at, token), 64, serialBytesMax);
  const heartbeat = lastNumber(tail, 'T') ?? came.heartbeat;
  const resumedAt = lastNumber(head, 'R') ?? came.resumedAt;
  return {
    ...(heartbeat === undefined ? {} : { heartbeat }),
    ...(resumedAt === undefined ? {} : { resumedAt }),
  };
};
