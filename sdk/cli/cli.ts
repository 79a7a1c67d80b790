/**
 * What every command has at hand: the terminal, the global options, and the daemon, connected to
 * at first use. Made once by `main`; tests make their own.
 */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { connect, type SiteswapClient } from '../client/index.ts';
import { exits } from './exit.ts';
import { jsonDocument, jsonLine } from './json.ts';
import type { Terminal } from './terminal.ts';

/** Where a daemon listens when nobody says otherwise. */
export const addressDefault =
  process.env.SITESWAP_ADDRESS ??
  `unix:${process.env.XDG_RUNTIME_DIR ?? '/run'}/siteswap/siteswap.sock`;

/** States of a daemon that people are told of: once when one begins, and once when it is over. */
const states = {
  held: {
    begins:
      '! THE JOURNAL IS HELD: it takes no entry, so nothing new is started (disk full, or its ' +
      'server away: the log of the daemon says why)',
    ends: '! the journal takes entries again: the daemon goes on',
  },
  away: {
    begins:
      '! the daemon does not answer: it is looked for again, for up to two minutes; once it is ' +
      'back, the run goes on',
    ends: '! the daemon answers again',
  },
} as const;

export interface GlobalOptions {
  readonly address: string;
  readonly json?: true;
  readonly as: string;
}

/** Who asks, as the journal keeps it: a person at a machine. */
export const requesterDefault = (): string =>
  process.env.SITESWAP_REQUESTER ?? `${userInfo().username}@cli`;

/** The hands of a command. */
export class Cli {
  readonly terminal: Terminal;
  /** How the command ended; see `exits`. */
  exitCode: number = exits.done;
  #client: SiteswapClient | undefined;
  readonly #told = new Set<keyof typeof states>();
  #options: GlobalOptions | undefined;

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  /** Before a command's action: its options, the global ones included. */
  begin(command: Command): void {
    this.#options = command.optsWithGlobals<GlobalOptions>();
  }

  /** For programs: no tables, no colours, nothing in place. */
  get json(): boolean {
    return this.#options?.json === true;
  }

  get address(): string {
    return this.#options?.address ?? addressDefault;
  }

  /** Who asks; journaled with everything that is changed. */
  get requester(): string {
    return this.#options?.as ?? requesterDefault();
  }

  get client(): SiteswapClient {
    const injectorToken = process.env.SITESWAP_INJECTOR_TOKEN;
    this.#client ??= connect(this.address, injectorToken ? { injectorToken } : {});
    return this.#client;
  }

  /** The answer of a command: a document for programs, or what people read. */
  answer(value: unknown, people: () => string): void {
    this.terminal.print(this.json ? jsonDocument(value) : people());
  }

  /** One element of a stream, for programs. */
  line(value: unknown): void {
    this.terminal.print(jsonLine(value));
  }

  /** Of the journal, by the newest answer. */
  noteHeld(): void {
    this.note('held', this.#client?.held === true);
  }

  /** Says so to people when a state begins or ends. */
  note(state: keyof typeof states, isSo: boolean): void {
    if (isSo === this.#told.has(state) || this.json) return;
    if (isSo) this.#told.add(state);
    else this.#told.delete(state);
    this.terminal.note(states[state][isSo ? 'begins' : 'ends']);
  }

  /** Whoever looks at a daemon that does not work as ever, or fails on purpose, is told so. */
  close(): void {
    this.noteHeld();
    if (this.#client?.injecting && !this.json) {
      this.terminal.note('! INJECTIONS ARE ON: calls fail on purpose (siteswap inject status)');
    }
    this.#client?.close();
  }
}
