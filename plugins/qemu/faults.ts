/**
 * The one place that knows how QEMU fails. Its classes and words are kept verbatim (`code`,
 * `message`); what they mean for the effect of a call is read from the table below.
 */
import { type Fault, FaultError, type FaultKind, fault } from '@siteswap/sdk/plugin';

/** What QMP answered instead of a value: class and description, verbatim. */
export interface QmpRefusal {
  readonly class: string;
  readonly desc: string;
}

/** A command that QEMU understood and did not carry out. */
export class QmpError extends Error {
  readonly command: string;
  readonly refusal: QmpRefusal;

  constructor(command: string, refusal: QmpRefusal) {
    super(`${command}: ${refusal.desc}`);
    this.name = 'QmpError';
    this.command = command;
    this.refusal = refusal;
  }
}

/** The connection ended, or no answer came in time: the effect of the command is in doubt. */
export class QmpLost extends Error {
  readonly why: 'closed' | 'timeout';

  constructor(why: 'closed' | 'timeout', message: string) {
    super(message);
    this.name = 'QmpLost';
    this.why = why;
  }
}

/** The error for a fault of the array's, to be thrown. */
export const failure = (
  kind: FaultKind,
  message: string,
  more: Omit<Partial<Fault>, 'kind' | 'message'> = {},
): FaultError => new FaultError(fault(kind, message, more));

interface Meaning {
  readonly words: RegExp;
  readonly kind: FaultKind;
  readonly hint?: string;
}

/** The first row that fits decides; measured with QEMU 7.2. */
const meanings: readonly Meaning[] = [
  { words: /^The command \S+ has not been found/, kind: 'unsupported', hint: 'Use QEMU 7.2.' },
  { words: /No space left on device/, kind: 'refused', hint: 'Make room for the images.' },
  { words: /Failed to get .*lock|Is another process using/, kind: 'conflict' },
  { words: /Permission denied|Operation not permitted/, kind: 'refused' },
  { words: /Connection refused|Failed to connect|Connection reset/, kind: 'unreachable' },
  { words: /end-of-file|Failed to read|Broken pipe|Transport endpoint/, kind: 'unreachable' },
  { words: /Requested export not available|No export/, kind: 'conflict' },
  { words: /Could not open .*No such file/, kind: 'missing' },
  { words: /inconsistent and cannot be used|Bitmap .* is inconsistent/, kind: 'corrupt' },
  { words: /is busy|is in use|still in use|currently in use/, kind: 'busy' },
  { words: /Cannot find|Failed to find|not found|does not exist/, kind: 'missing' },
  { words: /already exists|already in use|Duplicate/, kind: 'conflict' },
  { words: /Input\/output error/, kind: 'corrupt' },
  { words: /Invalid parameter|Parameter .* is (missing|unexpected)/, kind: 'unsupported' },
];

/** What a refusal of QMP's says about the effect of the call: nothing that it knows is unknown. */
const ofRefusal = ({ class: code, desc }: QmpRefusal, message: string): Fault => {
  const found = meanings.find(({ words }) => words.test(desc));
  const hint = found?.hint === undefined ? {} : { hint: found.hint };
  return fault(found?.kind ?? 'unknown', message, { code, ...hint });
};

const kindOfCode: Readonly<Record<string, FaultKind>> = {
  ENOENT: 'missing',
  ENOTDIR: 'missing',
  EACCES: 'refused',
  EPERM: 'refused',
  EROFS: 'refused',
  ENOSPC: 'refused',
  EDQUOT: 'refused',
  EMFILE: 'busy',
  ENFILE: 'busy',
  EAGAIN: 'busy',
  ENOMEM: 'busy',
  EIO: 'corrupt',
  ABORT_ERR: 'interrupted',
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'unreachable',
  EPIPE: 'unreachable',
};

const nobodyListens = /connect (ENOENT|ECONNREFUSED)/;

const howItIsStarted =
  'Nothing listens there: the storage daemon of an array is started when that array is asked for ' +
  'its devices; if it does not start, its daemon.log says why.';

/** The fault of anything that this plugin throws; undefined: not one of ours. */
export const faultOf = (error: unknown): Fault | undefined => {
  if (error instanceof FaultError) return error.fault;
  if (error instanceof QmpError) return ofRefusal(error.refusal, error.message);
  if (error instanceof QmpLost) {
    const more = nobodyListens.test(error.message) ? { hint: howItIsStarted } : {};
    return fault(error.why === 'timeout' ? 'timeout' : 'unreachable', error.message, more);
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  const kind = code === undefined ? undefined : kindOfCode[code];
  if (code === undefined || kind === undefined) return undefined;
  return fault(kind, (error as Error).message, { code });
};

/** The same, never undefined. */
export const faultOrUnknown = (error: unknown): Fault =>
  faultOf(error) ??
  fault('unknown', error instanceof Error && error.message !== '' ? error.message : String(error), {
    owner: 'plugin',
  });

export const isUnreachable = (error: unknown): boolean => faultOf(error)?.kind === 'unreachable';

/** A peer that does not answer is found so again by the next sync: nothing else waits for it. */
export const ignoreDistance = (error: unknown): void => {
  if (!isUnreachable(error) && faultOf(error)?.kind !== 'timeout') throw error;
};

/** What may wait for the next sync: a peer that does not answer, or does something else. */
export const ignoreDelay = (error: unknown): void => {
  if (faultOf(error)?.kind !== 'busy') ignoreDistance(error);
};
