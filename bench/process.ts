/**
 * Processes of a bench: cold ones, started as `siteswap daemon` is, watched from outside through
 * the system's own accounts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const root = new URL('../../', import.meta.url);

/** The launcher's own choices about memory, so that what is measured is what users get. */
const launcher = readFileSync(new URL('bin/siteswap', root), 'utf8');
const heapFlags: readonly string[] = /heap='([^']+)'/.exec(launcher)?.[1]?.split(' ') ?? [];
const arenasMax = /MALLOC_ARENA_MAX-(\d+)/.exec(launcher)?.[1];

/** Ticks of the kernel's accounts: 100 a second on every Linux that Node runs on. */
const tickMs = 10;

export class BenchProcess {
  /** What it said when it was ready, without the word. */
  readonly ready: string;
  /** From the start of the process until it said so. */
  readonly readyMs: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: string, readyMs: number) {
    this.#child = child;
    this.ready = ready;
    this.readyMs = readyMs;
  }

  /** Starts a program; rejects when it ends before it says `ready …`. */
  static start(command: string, args: readonly string[]): Promise<BenchProcess> {
    const begunMs = performance.now();
    const env = { ...process.env, ...(arenasMax && { MALLOC_ARENA_MAX: arenasMax }) };
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`${command} ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (!line.startsWith('ready')) return;
        resolve(new BenchProcess(child, line.slice('ready '.length), performance.now() - begunMs));
      });
    });
  }

  /** A module of the bench, with the daemon's heap. */
  static module(name: string, argument: object): Promise<BenchProcess> {
    const path = new URL(`dist/bench/${name}.js`, root).pathname;
    return BenchProcess.start(process.execPath, [...heapFlags, path, JSON.stringify(argument)]);
  }

  /** Peak resident memory so far. */
  get peakMb(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
  }

  /** Processor time so far, of all threads. */
  get cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ');
    return (Number(fields?.[11]) + Number(fields?.[12])) * tickMs;
  }

  stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#child.kill(signal);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
    });
  }
}
