/** Runs the command line inside the test: what a person would read, and the exit code. */
import { runCommandLine } from '../../sdk/cli/command-line.ts';
import type { Terminal } from '../../sdk/cli/terminal.ts';

export interface Printed {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** A terminal without colours that keeps what it is given. */
export const paper = (nowMs: () => number = Date.now): Terminal & { out: string; err: string } => ({
  out: '',
  err: '',
  stdout: process.stdout,
  stderr: process.stderr,
  live: false,
  width: 120,
  now: nowMs,
  print(text) {
    this.out += `${text}\n`;
  },
  note(text) {
    this.err += `${text}\n`;
  },
  tone: (_, text) => text,
});

/** `siteswap …args` */
export const siteswap = async (...args: readonly string[]): Promise<Printed> =>
  typed(args, paper());

/** The same where a person sits, who answers every question with `answer`. */
export const answering = (answer: string, ...args: readonly string[]): Promise<Printed> =>
  typed(args, Object.assign(paper(), { ask: async () => answer }));

const typed = async (
  args: readonly string[],
  terminal: ReturnType<typeof paper>,
): Promise<Printed> => {
  const exit = await runCommandLine(args, terminal);
  return { exit, out: terminal.out, err: terminal.err };
};
