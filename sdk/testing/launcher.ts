/** Finds the launcher, and runs a daemon with it as a child that never outlives its parent. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Lines of the daemon's log kept for a failing test to show. */
const logLinesMax = 2_000;

/** A daemon gets this long to end after SIGTERM before it is killed. */
const stopMsMax = 15_000;

/** In a checkout: `dist/sdk/testing/` → `bin/siteswap`. An installed package has none there. */
const ofCheckout = fileURLToPath(new URL('../../../bin/siteswap', import.meta.url));

/** The launcher: as given, by SITESWAP_BIN, of this checkout, or the one on PATH; '' is none. */
export const findLauncher = (given?: string): string =>
  given || process.env.SITESWAP_BIN || (existsSync(ofCheckout) ? ofCheckout : 'siteswap');

/** There is no program `siteswap` to start a daemon with. */
export class LauncherMissing extends Error {
  /** What was to be started. */
  readonly launcher: string;
  /** What to do next. */
  readonly hint =
    'Name `bin/siteswap` of a checkout of Siteswap, built by `npm run build`: in SITESWAP_BIN, ' +
    'as `startDaemon({ launcher })`, or by a directory of PATH.';

  constructor(launcher: string, cause: unknown) {
    super(`no daemon can be started: there is no program ${launcher} here`, { cause });
    this.name = 'LauncherMissing';
    this.launcher = launcher;
    this.message += `. ${this.hint}`;
  }
}

/** Those that run: none outlives the process that started it. */
const running = new Set<ChildProcess>();

const killAtExit = (): void => {
  for (const child of running) child.kill('SIGKILL');
};

/** A running daemon process. */
export class DaemonProcess {
  readonly log: string[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<string>;
  #end: string | undefined;
  #missing: LauncherMissing | undefined;

  /** `args` begin with the program: `daemon` or `front`. */
  constructor(launcher: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    const child = spawn(launcher, [...args], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    if (!process.listeners('exit').includes(killAtExit)) process.once('exit', killAtExit);
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (this.log.push(line) > logLinesMax) this.log.shift();
      });
    }
    this.#ended = new Promise((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') this.#missing = new LauncherMissing(launcher, error);
        resolve(`${launcher}: ${error.message}`);
      });
      child.once('close', (code, signal) => resolve(`it ended with ${signal ?? `code ${code}`}`));
    });
    void this.#ended.then((how) => {
      this.#end = how;
      running.delete(child);
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Why it never began. */
  get missing(): LauncherMissing | undefined {
    return this.#missing;
  }

  /** How it ended, or undefined while it runs. */
  get end(): string | undefined {
    return this.#end;
  }

  /** Resolves when it has ended, with how. */
  get ended(): Promise<string> {
    return this.#ended;
  }

  /** SIGKILL: as a crash. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGTERM, and SIGKILL when that does not help. */
  async stop(): Promise<void> {
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), stopMsMax);
    this.#child.kill('SIGTERM');
    await this.#ended;
    clearTimeout(killer);
  }
}
