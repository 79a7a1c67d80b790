/**
 * The one error that every call fails with. It carries what the daemon said, or, when no daemon
 * could say anything, what the connection said in the same words.
 */
import type { ServiceError } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { FaultOwner } from '../../proto/gen/siteswap/v1/common.ts';
import { ErrorDetail, type Violation } from '../../proto/gen/siteswap/v1/error.ts';

/** Name of a gRPC status code, such as `NOT_FOUND`. */
export type StatusName = keyof typeof status;

/** What the daemon could not say itself: a row of the error table, as far as a caller needs it. */
interface Row {
  readonly reason: string;
  readonly hint: string;
}

/** A test holds these to the table. */
const rowsWithoutDetail: Readonly<Record<number, Row>> = {
  [status.CANCELLED]: {
    reason: 'CANCELLED',
    hint: 'Nothing, or repeat with the same request key: it returns the same run.',
  },
  [status.DEADLINE_EXCEEDED]: {
    reason: 'DEADLINE',
    hint: 'Repeat with the same request key: it returns the same run.',
  },
  [status.RESOURCE_EXHAUSTED]: {
    reason: 'MESSAGE_TOO_LARGE',
    hint: 'Ask for less at once: fewer targets, a smaller page, less detail.',
  },
  [status.UNAVAILABLE]: {
    reason: 'DAEMON_UNREACHABLE',
    hint: 'Check the address and that the daemon runs; repeat with the same request key.',
  },
  [status.UNIMPLEMENTED]: {
    reason: 'METHOD_UNKNOWN',
    hint: 'List the services by reflection; bring caller and daemon to one version.',
  },
};

const rowOtherwise: Row = {
  reason: 'INTERNAL',
  hint: 'Report it with the call id; nothing journaled is lost.',
};

/** A service that is not of this contract, such as health, says no more than its code. */
const rowOf = (code: number): Row => {
  const isVague = code === status.UNKNOWN || code === status.INTERNAL;
  const said = {
    reason: status[code] ?? '',
    hint: 'Correct the request by what the message says.',
  };
  return rowsWithoutDetail[code] ?? (isVague ? rowOtherwise : said);
};

/** The call that failed. */
export interface Asked {
  readonly address: string;
  /** Such as `/siteswap.v1.RunService/StartRun`. */
  readonly path: string;
  /** Absent: the caller waited without an end. */
  readonly deadlineMs?: number;
}

/** What happened, in other words than gRPC's: undefined where its own are the best there are. */
const toldOf = (code: number, reset: boolean, asked: Asked): string | undefined => {
  const { address, path, deadlineMs } = asked;
  const method = path.replace(/^\/siteswap\.v1\./, '').replace('/', '.');
  if (code === status.DEADLINE_EXCEEDED) {
    const within = deadlineMs === undefined ? 'its deadline' : `the deadline of ${deadlineMs} ms`;
    return `${address} did not answer ${method} within ${within}`;
  }
  if (code !== status.UNAVAILABLE) return undefined;
  return reset
    ? `the connection to ${address} broke during ${method}: what it came to is not known`
    : `no daemon answers at ${address}`;
};

/**
 * Why a call failed.
 *
 * @example
 * ```ts
 * try {
 *   await client.plans.get('no-such-plan');
 * } catch (error) {
 *   if (!(error instanceof CallError)) throw error;
 *   console.log(error.reason, error.hint); // PLAN_NOT_FOUND List the plans; create it first.
 * }
 * ```
 */
export class CallError extends Error {
  /**
   * A word of the error table in `proto/README.md`: decide by this one. Of a service that is not of
   * this contract: its gRPC code.
   */
  readonly reason: string;
  readonly code: StatusName;
  /** Whom to call. */
  readonly owner: FaultOwner;
  /** Id of the thing that it is about; empty when there is none. */
  readonly subject: string;
  /** The vendor's own code, verbatim; empty when there is none. */
  readonly vendorCode: string;
  /** What to do next. */
  readonly hint: string;
  /** Every problem of a request or plan, when there are several. */
  readonly violations: readonly Violation[];
  /** Names the call in the daemon's log; empty when it did not get there. */
  readonly callId: string;

  /** `cause`: what gRPC said, where the message says it in other words. */
  constructor(code: StatusName, message: string, detail: ErrorDetail, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'CallError';
    this.code = code;
    this.reason = detail.reason;
    this.owner = detail.owner;
    this.subject = detail.subject;
    this.vendorCode = detail.vendorCode;
    this.hint = detail.hint;
    this.violations = detail.violations;
    this.callId = detail.callId;
  }
}

const detailOf = (error: ServiceError): ErrorDetail | undefined => {
  const [bytes] = error.metadata?.get('grpc-status-details-bin') ?? [];
  if (!Buffer.isBuffer(bytes)) return undefined;
  try {
    const detail = Status.decode(bytes).details.find((any) =>
      any.typeUrl.endsWith('/siteswap.v1.ErrorDetail'),
    );
    return detail && ErrorDetail.decode(detail.value);
  } catch {
    // Not ours, or damaged on the way: the status code still tells something.
    return undefined;
  }
};

/** The connection was reset under the call: the daemon ended, or was killed. */
const wasReset = (error: ServiceError): boolean =>
  error.code === status.CANCELLED || /RST_STREAM|ECONNRESET|EPIPE/.test(error.details);

/**
 * What grpc-js says of a failed call → CallError. `givenUp`: the caller itself aborted it. Without
 * `asked` the message is taken as it is.
 */
export const callErrorOf = (error: unknown, givenUp: boolean, asked?: Asked): CallError => {
  if (error instanceof CallError) return error;
  const failed = error as ServiceError;
  const text = failed.details || failed.message;
  const detail = detailOf(failed);
  if (detail) return new CallError(status[failed.code] as StatusName, text, detail);
  const reset = wasReset(failed);
  const code = givenUp
    ? status.CANCELLED
    : reset
      ? status.UNAVAILABLE
      : (failed.code ?? status.UNKNOWN);
  const told = asked && toldOf(code, reset, asked);
  return new CallError(
    status[code] as StatusName,
    told ?? text,
    ErrorDetail.fromPartial({
      ...rowOf(code),
      owner: FaultOwner.ENGINE,
    }),
    told === undefined ? undefined : error,
  );
};
