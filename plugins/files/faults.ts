/**
 * The one place that knows how this plugin fails. Errors carry their fault as data; the class is
 * our own, and the contract's types only are imported, so that a VM's process stays small.
 */
import type { Fault, FaultKind } from '@siteswap/sdk/plugin';
import { FaultError } from '@siteswap/sdk/plugin/kit';

/** Thrown on purpose; `fault` is what the caller gets. */
export class FilesError extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.name = 'FilesError';
    this.fault = fault;
  }
}

/** The error for a fault of the array's, to be thrown. */
export const failure = (
  kind: FaultKind,
  message: string,
  more: Pick<Fault, 'code' | 'hint' | 'members'> = {},
): FilesError => new FilesError({ owner: 'array', ...more, kind, message });

/** System errors by code: what they say about a directory that stands for an array. */
const kindOfCode: Readonly<Record<string, { kind: FaultKind; hint: string }>> = {
  ENOENT: { kind: 'missing', hint: 'Discover again; the file or directory is not there.' },
  ENOTDIR: { kind: 'missing', hint: 'Discover again; the directory is not there.' },
  EACCES: { kind: 'refused', hint: 'Give the daemon’s user the right to read and write there.' },
  EPERM: { kind: 'refused', hint: 'Give the daemon’s user the right to read and write there.' },
  EROFS: { kind: 'refused', hint: 'The file system is mounted read-only.' },
  ENOSPC: { kind: 'refused', hint: 'Make room on the file system of the array’s directory.' },
  EDQUOT: { kind: 'refused', hint: 'Raise the quota of the daemon’s user.' },
  EMFILE: { kind: 'busy', hint: 'Raise the limit of open files.' },
  ENFILE: { kind: 'busy', hint: 'Raise the limit of open files.' },
  EAGAIN: { kind: 'busy', hint: 'The machine is out of processes or memory for now.' },
  ENOMEM: { kind: 'busy', hint: 'The machine is out of memory for now.' },
  EIO: { kind: 'corrupt', hint: 'The disk under the array’s directory fails.' },
  ABORT_ERR: { kind: 'interrupted', hint: 'The call was given up before it did anything.' },
  ESTALE: { kind: 'unreachable', hint: 'The file system of the array’s directory is gone.' },
};

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** The fault of anything that this plugin throws; undefined: not one of ours. */
export const faultOf = (error: unknown): Fault | undefined => {
  if (error instanceof FilesError || error instanceof FaultError) return error.fault;
  const code = codeOf(error);
  const known = code === undefined ? undefined : kindOfCode[code];
  if (code === undefined || known === undefined) return undefined;
  return { owner: 'array', code, message: (error as Error).message, ...known };
};

/** The same, never undefined. */
export const faultOrUnknown = (error: unknown): Fault =>
  faultOf(error) ?? {
    kind: 'unknown',
    owner: 'plugin',
    message: error instanceof Error && error.message !== '' ? error.message : String(error),
  };

export const isMissingFile = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');
