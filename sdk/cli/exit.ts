/**
 * How a command ends: its exit code, and what a person reads when it did not work. Every failure
 * says what happened, whose it is, why, and what to do next; nobody ever sees a stack trace.
 */
import { FaultOwner } from '../../proto/gen/siteswap/v1/common.ts';
import { CallError, type StatusName } from '../client/index.ts';
import { ownerWords, wordOf } from './enums.ts';
import type { Terminal } from './terminal.ts';
import { violationText } from './words.ts';

/** Exit codes; `siteswap --help` shows them. */
export const exits = {
  /** Done. */
  done: 0,
  /** The run did not end well: parked, stuck, incomplete, rolled back, superseded, abandoned. */
  notWell: 1,
  /** Wrong usage: arguments, a file, or a request that can never work. */
  usage: 2,
  /** Nothing has this id. */
  notFound: 3,
  /** The daemon, or something behind it, does not answer now. Repeat later. */
  unavailable: 4,
  /** Refused in the present state. */
  refused: 5,
  /** A defect of Siteswap. */
  defect: 70,
  /** Ended by Ctrl-C or SIGTERM. A run that was started goes on. */
  interrupted: 130,
} as const;

/** For `--help`. */
export const exitHelp = `Exit codes:
  0    done
  1    the run did not end well: parked, stuck, incomplete, rolled back, superseded, abandoned
  2    wrong usage: arguments, a file, or a request that can never work
  3    nothing has this id
  4    the daemon, or something behind it, does not answer now: repeat later
  5    refused in the present state
  70   a defect of Siteswap
  130  ended by Ctrl-C or SIGTERM; a run that was started goes on`;

/** A failure, ready to be shown. */
export interface Failure {
  readonly exit: number;
  /** What happened. */
  readonly what: string;
  /** Whose it is: queue, engine, plugin, array, or you. */
  readonly owner: string;
  /** The reason's word, such as PLAN_NOT_FOUND; empty for the CLI's own. */
  readonly reason: string;
  /** What a person can do. */
  readonly next: string;
  /** Further lines: each problem of a file or request. */
  readonly details: readonly string[];
  readonly vendorCode: string;
  readonly callId: string;
}

/** Thrown by commands for what their user can mend; `report` shows it. */
export class CommandError extends Error {
  readonly failure: Failure;

  constructor(exit: number, what: string, next: string, more: Partial<Failure> = {}) {
    super(what);
    this.failure = {
      owner: 'you',
      reason: '',
      details: [],
      vendorCode: '',
      callId: '',
      ...more,
      exit,
      what,
      next,
    };
  }
}

/** Wrong arguments or a wrong file. */
export const usageError = (what: string, next: string, details: readonly string[] = []) =>
  new CommandError(exits.usage, what, next, { details });

const exitOf: Partial<Record<StatusName, number>> = {
  INVALID_ARGUMENT: exits.usage,
  OUT_OF_RANGE: exits.usage,
  NOT_FOUND: exits.notFound,
  UNAVAILABLE: exits.unavailable,
  DEADLINE_EXCEEDED: exits.unavailable,
  RESOURCE_EXHAUSTED: exits.unavailable,
  ALREADY_EXISTS: exits.refused,
  FAILED_PRECONDITION: exits.refused,
  ABORTED: exits.refused,
  UNIMPLEMENTED: exits.refused,
  PERMISSION_DENIED: exits.refused,
  CANCELLED: exits.interrupted,
};

const nextWithoutDaemon = (address: string): string =>
  `Start it with \`siteswap daemon\`, or name its address with --address or SITESWAP_ADDRESS ` +
  `(now ${address}).`;

/** Anything that was thrown, as a failure to show. */
export const failureOf = (error: unknown, address: string): Failure => {
  if (error instanceof CommandError) return error.failure;
  if (error instanceof CallError) {
    const away = error.reason === 'DAEMON_UNREACHABLE';
    return {
      exit: exitOf[error.code] ?? exits.defect,
      what: error.message,
      owner: away ? 'you' : wordOf(FaultOwner, error.owner),
      reason: error.reason,
      next: away ? nextWithoutDaemon(address) : error.hint,
      details: error.violations.map(violationText),
      vendorCode: error.vendorCode,
      callId: error.callId,
    };
  }
  const what = error instanceof Error ? error.message : String(error);
  return new CommandError(exits.defect, what, 'This is a defect: report it with the command.', {
    owner: 'engine',
    reason: 'INTERNAL',
  }).failure;
};

/** A daemon's message begins with the first of what it found: `field problem, and 2 more`. */
const says = (what: string, detail: string): boolean =>
  [detail, detail.replace(': ', ' ')].includes(what.replace(/( \(|, )and \d+ more\)?$/, ''));

const failureLines = (failure: Failure, terminal: Pick<Terminal, 'tone'>): string[] => {
  const rows: [string, string][] = [
    ['whose', failure.owner === 'you' ? '' : ownerWords(failure.owner)],
    ['why', [failure.reason, failure.vendorCode && `[${failure.vendorCode}]`].join(' ').trim()],
    ['next', failure.next],
    ['call', failure.callId],
  ];
  return [
    `${terminal.tone('bad', '✗')} ${failure.what}`,
    ...failure.details
      .filter((detail) => !says(failure.what, detail))
      .flatMap((detail) => detail.split('\n').map((line) => `  ${line}`)),
    ...rows
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `  ${terminal.tone('quiet', name.padEnd(5))} ${value}`),
  ];
};

/** Shows a failure on standard error: for people, or as one JSON document. */
export const report = (failure: Failure, terminal: Terminal, json: boolean): void => {
  const { exit, ...fields } = failure;
  if (json) terminal.note(JSON.stringify({ error: { exit, ...fields } }));
  else terminal.note(failureLines(failure, terminal).join('\n'));
};
