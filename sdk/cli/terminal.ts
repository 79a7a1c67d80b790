/**
 * What the commands write to. One small object, so that tests read what a person would see, and so
 * that colours appear only where the stream is a terminal and NO_COLOR is not set.
 */
import { createInterface } from 'node:readline';
import { styleText } from 'node:util';
import Table from 'cli-table3';

/** Meanings, not colours: every view speaks of the same thing in the same way. */
export type Tone = 'good' | 'bad' | 'warn' | 'live' | 'quiet' | 'strong';

const formats = {
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  live: 'cyan',
  quiet: 'dim',
  strong: 'bold',
} as const;

export interface Terminal {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** A person sees the output now, so it may be rewritten in place. */
  readonly live: boolean;
  /** Columns to fill. */
  readonly width: number;
  readonly now: () => number;
  /** One line, or several, to standard output. */
  print(text: string): void;
  /** To standard error: news beside the answer. */
  note(text: string): void;
  /** Asks whoever sits there for a line; absent where nobody does. */
  readonly ask?: (question: string) => Promise<string>;
  tone(tone: Tone, text: string): string;
}

/** Width where the output is not a terminal: wide enough for every table, still readable. */
const widthDefault = 120;

/** A terminal over this process's streams. */
export const processTerminal = (): Terminal => {
  const { stdin, stdout, stderr } = process;
  const ask = async (question: string): Promise<string> => {
    const lines = createInterface({ input: stdin, output: stderr });
    return new Promise<string>((resolve) => {
      lines.once('close', () => resolve(''));
      lines.question(question, resolve);
    }).finally(() => lines.close());
  };
  return {
    stdout,
    stderr,
    live: stdout.isTTY === true && process.env.TERM !== 'dumb',
    get width() {
      return stdout.columns ?? widthDefault;
    },
    now: Date.now,
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    ...(stdin.isTTY && stderr.isTTY ? { ask } : {}),
    tone: (tone, text) => styleText(formats[tone], text, { stream: stdout }),
  };
};

const bare = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
};

export interface Column {
  readonly title: string;
  readonly align?: 'right';
}

/**
 * Rows under quiet titles, without lines: easy on the eye, easy to cut and grep. A column in which
 * no row has anything is left out.
 */
export const table = (
  terminal: Pick<Terminal, 'tone'>,
  columns: readonly (Column | string)[],
  rows: readonly (readonly string[])[],
): string => {
  const filled = columns.map((_, at) => rows.length === 0 || rows.some((row) => row[at] !== ''));
  const asked = columns
    .filter((_, at) => filled[at])
    .map((column): Column => (typeof column === 'string' ? { title: column } : column));
  const grid = new Table({
    head: asked.map(({ title }) => terminal.tone('quiet', title.toUpperCase())),
    chars: bare,
    colAligns: asked.map(({ align }) => align ?? 'left'),
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  grid.push(...rows.map((row) => row.filter((_, at) => filled[at])));
  return grid
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
};
