/** How the demo looks: acts, commands as a person types them, and small tables. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';

const launcher = fileURLToPath(new URL('../../../bin/siteswap', import.meta.url));
const { stdout } = process;

type Style = Parameters<typeof styleText>[0];
export const styled = (style: Style, text: string): string =>
  styleText(style, text, { stream: stdout });

let acts = 0;

/** A headline, and what is about to happen. */
export const act = (title: string, ...lines: readonly string[]): void => {
  acts += 1;
  console.log(`\n${styled(['bold', 'cyan'], `${acts} · ${title}`)}`);
  for (const line of lines) console.log(styled('dim', `  ${line}`));
  console.log();
};

/** A claim that was checked. */
export const proof = (holds: boolean, text: string): void => {
  console.log(`${holds ? styled('green', '✔') : styled('red', '✗')} ${text}`);
  if (!holds) process.exitCode = 1;
};

/** Columns of text under quiet titles. */
export const columns = (titles: readonly string[], rows: readonly (readonly string[])[]): void => {
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  console.log(styled('dim', line(titles)));
  for (const row of rows) console.log(line(row));
};

export interface Typed {
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
}

/** Types a `siteswap` command into this terminal. */
export const type = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Typed => {
  const shown = args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg)).join(' ');
  console.log(`${styled('dim', '$')} ${styled('bold', `siteswap ${shown}`)}`);
  const child = spawn(launcher, args, { env, stdio: ['ignore', 'inherit', 'inherit'], signal });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  return { ended };
};
