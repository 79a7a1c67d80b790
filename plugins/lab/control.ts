/**
 * What tests, benches and examples use of the lab: start a world, break things in it, look at it.
 *
 * ```ts
 * const world = await startLabWorld({ socket, spec: labSpec({ groups: 4, vmsPerGroup: 3 }) });
 * const lab = connectLab(socket);
 * await lab.loseSite('site-a');
 * // … a disaster run …
 * assert.equal((await lab.calls('lab-a')).whileDown, 0);
 * assert.deepEqual(await lab.verify(), []);
 * lab.close();
 * await world.close();
 * ```
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { socketPort } from './client.ts';
import { type Commands, commands } from './commands.ts';
import type { Lab } from './lab.ts';
import { startMsMax } from './limits.ts';
import { inlinePort, type Port } from './port.ts';
import type { ProcessOrder } from './process.ts';
import type { LabSpec } from './spec.ts';

export type { CallCounts, Effect, FailureOrder, HangOrder, OperationView } from './commands.ts';
export { dropInlineLab, inlineLab } from './inline.ts';
export type { Lab } from './lab.ts';
export {
  datastoreIdOf,
  deviceIdOf,
  type GroupSpec,
  type LabOptions,
  type LabSpec,
  labSpec,
  priorityOf,
  protectionGroupOf,
  sharedIdOf,
  singleIdOf,
  vmIdOf,
} from './spec.ts';
export { type DrivenTime, drivenTime, realTime, type Time } from './time.ts';
export type { Divergence, Violation } from './verify.ts';
export type { Contents, DeviceView, Running, Snapshot } from './views.ts';

type Said<F> = F extends (lab: Lab, ...args: infer A) => infer R
  ? (...args: A) => Promise<Awaited<R>>
  : never;

/** Every command of `commands.ts`, as a promise; and `close`. Rejects with FaultError. */
export type LabControl = { readonly [C in keyof Commands]: Said<Commands[C]> } & {
  readonly close: () => void;
};

/** JSON would make nulls of arguments that were left out. */
const given = (args: readonly unknown[]): readonly unknown[] =>
  args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1);

const controlOf = (port: Port): LabControl => {
  const say = (name: string) => [
    name,
    async (...args: unknown[]) => port.send({ kind: 'command', name, args: given(args) }),
  ];
  const said = Object.fromEntries(Object.keys(commands).map(say));
  return { ...said, close: () => port.close() } as LabControl;
};

/** Controls the world that is served on a socket. Close it, or the process stays alive. */
export const connectLab = (socket: string): LabControl => controlOf(socketPort(socket));

/** Controls a world of this thread. */
export const controlLab = (lab: Lab): LabControl => controlOf(inlinePort(lab));

export interface LabProcess {
  readonly socket: string;
  readonly pid: number;
  /** Ends the world. */
  close(): Promise<void>;
}

export interface LabProcessOptions {
  /** Path of the unix socket, at most about 100 characters. */
  readonly socket: string;
  readonly spec: LabSpec;
  /** Time stands at this moment until `advance`; absent: real time. */
  readonly drivenFromMs?: number;
  /** True: the world outlives this process; end it by its pid. */
  readonly stay?: boolean;
  /** True: what it says before it fails to start is not shown. */
  readonly quiet?: boolean;
}

/** Starts a world in a process of its own; resolves when it can be reached. */
export const startLabWorld = async (options: LabProcessOptions): Promise<LabProcess> => {
  const { quiet, stay = false, ...rest } = options;
  const file = import.meta.url.endsWith('.ts') ? './process.ts' : './process.js';
  const child = spawn(process.execPath, [new URL(file, import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', quiet ? 'ignore' : 'inherit'],
    detached: stay,
  });
  const order: ProcessOrder = { ...rest, stay };
  child.stdin.write(`${JSON.stringify(order)}\n`);
  const ended = once(child, 'exit');
  const ready = await Promise.race([
    once(child.stdout, 'data', { signal: AbortSignal.timeout(startMsMax) }).then(() => true),
    ended.then(() => false),
  ]).catch(() => false);
  if (!ready || child.pid === undefined) {
    child.kill();
    throw new Error(`no world could be started on ${options.socket}`);
  }
  if (stay) child.unref();
  const close = async (): Promise<void> => {
    child.kill();
    await ended;
  };
  return { socket: options.socket, pid: child.pid, close };
};
