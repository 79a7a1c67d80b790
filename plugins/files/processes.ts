/**
 * Processes that outlive the daemon. A process is named by its pid *and* its start time, so that a
 * later process with the same pid is never taken for it, let alone killed.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { failure } from './faults.ts';

export interface ProcessRef {
  readonly pid: number;
  /** Clock ticks from the machine's boot to the process's start, with the boot's own id. */
  readonly startTime: string;
}

const bootOfMachine = (): string => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();

/** Undefined: no such process, or it has ended and only waits to be reaped. */
const startTimeOf = (pid: number): string | undefined => {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command in parentheses may hold anything; fields count from behind it: state is the first.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${bootOfMachine()}/${fields[19]}`;
};

export const thisProcess = (): ProcessRef => ({
  pid: process.pid,
  startTime: startTimeOf(process.pid) ?? '',
});

export const isAlive = (ref: ProcessRef): boolean => startTimeOf(ref.pid) === ref.startTime;

/** Sends a signal to that very process; false when it has ended. */
export const signalProcess = (ref: ProcessRef, signal: NodeJS.Signals): boolean => {
  if (!isAlive(ref)) return false;
  try {
    return process.kill(ref.pid, signal);
  } catch {
    return false;
  }
};

/** Polls until the condition holds; false when it does not in time, or the signal is aborted. */
export const waitUntil = async (
  holds: () => boolean | Promise<boolean>,
  waitMsMax: number,
  signal?: AbortSignal,
): Promise<boolean> => {
  const giveUpAt = performance.now() + waitMsMax;
  for (let delayMs = 2; ; delayMs = Math.min(delayMs * 2, 25)) {
    if (await holds()) return true;
    if (signal?.aborted || performance.now() > giveUpAt) return false;
    await sleep(delayMs);
  }
};

/** Few threads and a small heap: a VM is one of many. Nothing of the daemon's environment. */
const flags = ['--max-old-space-size=64', '--v8-pool-size=1', '--no-warnings'];
const environment = { UV_THREADPOOL_SIZE: '2' };

/** Starts `<name>.js` of this package on its own; its words go to the end of `logFile`. */
export const startDetached = (
  name: 'mover' | 'vm',
  args: readonly string[],
  logFile: string,
): ProcessRef => {
  const here = import.meta.url;
  const module = fileURLToPath(new URL(`./${name}${extname(fileURLToPath(here))}`, here));
  const log = openSync(logFile, 'a', 0o600);
  try {
    const child = spawn(process.execPath, [...flags, module, ...args], {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
      env: environment,
    });
    child.on('error', () => undefined);
    child.unref();
    if (child.pid === undefined) throw failure('busy', `no process could be started for ${name}`);
    return { pid: child.pid, startTime: startTimeOf(child.pid) ?? '' };
  } finally {
    closeSync(log);
  }
};
