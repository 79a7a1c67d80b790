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

/** Reasons for what the daemon could not say itself. */
const reasonsWithoutDetail: Readonly<Record<number, string>> = {
  [status.CANCELLED]: 'CANCELLED',
  [status.DEADLINE_EXCEEDED]: 'DEADLINE',
  [status.RESOURCE_EXHAUSTED]: 'MESSAGE_TOO_LARGE',
  [status.UNAVAILABLE]: 'DAEMON_UNREACHABLE',
  [status.UNIMPLEMENTED]: 'METHOD_UNKNOWN',
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
  /** A word of the error table in `proto/README.md`: decide by this one. */
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

  constructor(code: StatusName, message: string, detail: ErrorDetail) {
    super(message);
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

/** What grpc-js says of a failed call → CallError. `givenUp`: the caller itself aborted it. */
export const callErrorOf = (error: unknown, givenUp: boolean): CallError => {
  if (error instanceof CallError) return error;
  const failed = error as ServiceError;
  const text = failed.details || failed.message;
  const detail = detailOf(failed);
  if (detail) return new CallError(status[failed.code] as StatusName, text, detail);
  const code = givenUp
    ? status.CANCELLED
    : wasReset(failed)
      ? status.UNAVAILABLE
      : (failed.code ?? status.UNKNOWN);
  const reason = reasonsWithoutDetail[code] ?? 'INTERNAL';
  return new CallError(
    status[code] as StatusName,
    text,
    ErrorDetail.fromPartial({ reason, owner: FaultOwner.ENGINE }),
  );
};
