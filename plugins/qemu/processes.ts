/**
 * Processes that outlive whoever starts them. A fork copies the tables of all that its caller has
 * mapped, and slows its first write to each page after: of a daemon of some hundred megabytes that
 * is 4 to 20 ms in which a thread stands still. So a small process, one for each thread, does it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { failure } from './faults.ts';
import { killMsMax, pollMsMin, socketPathMax } from './limits.ts';
import { waitFor } from './locks.ts';
import type { Order, Report } from './starter.ts';

/** Of a small file; empty when it cannot be read. */
export const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
};

/** Refuses a directory whose longest socket no process could listen at. */
export const checkSocketPath = (socket: string, directory: string): void => {
  const tooLong = Buffer.byteLength(socket) - socketPathMax;
  if (tooLong <= 0) return;
  const hint = `Take a directory whose path is ${tooLong} bytes shorter, or more.`;
  throw failure('refused', `${directory} is too long a path for unix sockets`, { hint });
};

/** It runs, or could; one that only its parent has not heard of yet does not. */
export const isAlive = (pid: number): boolean => {
  const stat = textOf(`/proc/${pid}/stat`);
  return stat !== '' && !/\) [ZX]/.test(stat);
};

/** SIGKILL, of which nobody comes back; answers true once the process is gone. */
export const pullPlugOf = (pid: number): true | undefined => {
  if (!isAlive(pid)) return true;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
  return undefined;
};

/** Returns when it is gone. */
export const endProcess = async (pid: number): Promise<void> => {
  if (await waitFor(async () => pullPlugOf(pid), killMsMax, undefined, pollMsMin)) return;
  throw failure('busy', `process ${pid} does not end`);
};

const notInstalled = (program: string): Error =>
  failure('unsupported', `there is no ${program} on this machine`, {
    hint: 'Install it where this daemon runs, in a folder of its PATH.',
  });

/** Refuses a machine without one of them: before anything is done that would need it midway. */
export const checkInstalled = (programs: readonly string[]): void => {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const isThere = (path: string): boolean => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  const missing = programs.find((name) => !folders.some((folder) => isThere(join(folder, name))));
  if (missing !== undefined) throw notInstalled(missing);
};

/** As whoever starts a process without help would have it. */
const notStarted = (program: string, message: string, code: string | undefined): Error =>
  message === `spawn ${program} ENOENT`
    ? notInstalled(program)
    : Object.assign(new Error(message), { code });

interface Awaited {
  readonly program: string;
  readonly begun: (pid: number) => void;
  readonly failed: (why: Error) => void;
}

class Starter {
  readonly #child: ChildProcess;
  readonly #awaited = new Map<number, Awaited>();
  #lastId = 0;
  isGone = false;

  constructor() {
    // In a session of its own: what a terminal says to the daemon is the daemon's to answer.
    const options = { execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'], detached: true };
    this.#child = fork(new URL('./starter.js', import.meta.url), [], options as object);
    this.#child.on('message', (report: Report) => this.#hear(report));
    this.#child.once('disconnect', () => this.#end());
    this.#child.once('error', () => this.#end());
    // It is no reason for a process to live on.
    this.#child.unref();
    this.#child.channel?.unref();
  }

  start(order: Omit<Order, 'id'>): Promise<number> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((begun, failed) => {
      this.#awaited.set(id, { program: order.program, begun, failed });
      this.#child.channel?.ref();
      this.#child.send({ id, ...order } satisfies Order, (error) => {
        if (error !== null) this.#end();
      });
    });
  }

  #hear(report: Report): void {
    const awaited = this.#awaited.get(report.id);
    this.#awaited.delete(report.id);
    if (this.#awaited.size === 0) this.#child.channel?.unref();
    if ('pid' in report) awaited?.begun(report.pid);
    else awaited?.failed(notStarted(awaited.program, report.error, report.code));
  }

  #end(): void {
    this.isGone = true;
    for (const { program, failed } of this.#awaited.values()) {
      failed(failure('interrupted', `who was to start ${program} has gone`));
    }
    this.#awaited.clear();
  }
}

let starter: Starter | undefined;

/** Starts a process that nobody here waits for, and that gives way by `nice`; answers its id. */
export const startProcess = (
  program: string,
  args: readonly string[],
  log: { readonly path: string; readonly adds: boolean },
  nice = 0,
): Promise<number> => {
  if (starter === undefined || starter.isGone) starter = new Starter();
  return starter.start({ program, args, log: log.path, adds: log.adds, nice });
};
