/** What a daemon finds in a file that somebody wrote, at the lines of that file. */
import type { Violation } from '../../proto/gen/siteswap/v1/error.ts';
import { CallError } from '../client/index.ts';
import { formatProblems, type Position } from '../yaml/index.ts';
import { usageError } from './exit.ts';

/** A file, and how a violation's path in the contract reads in it. */
export interface Written {
  readonly file: string;
  readonly locate: (path: string) => Position;
  readonly pathOf: (field: string) => string;
  /** Whether a violation is of what the file says; absent: each is. */
  readonly holds?: (field: string) => boolean;
}

export const atLines = ({ file, locate, pathOf }: Written, found: readonly Violation[]): string[] =>
  formatProblems(
    found.map(({ field, message }) => {
      const path = pathOf(field);
      return { file, path, message, expected: '', ...locate(path) };
    }),
  ).split('\n');

/** A call that is refused for what the file says is told at its lines. */
export const withLines = async <T>(written: Written, call: Promise<T>): Promise<T> => {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof CallError) || error.violations.length === 0) throw error;
    const { holds = () => true } = written;
    if (!error.violations.every(({ field }) => holds(field))) throw error;
    const what = `the daemon does not take ${written.file}`;
    throw usageError(what, error.hint, atLines(written, error.violations));
  }
};
