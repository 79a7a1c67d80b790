/** Errors as the wire tells them: a status, and details in `grpc-status-details-bin`. */
import { Metadata, status } from '@grpc/grpc-js';
import { Status } from '../../proto/gen/google/rpc/status.ts';
import { ErrorDetail } from '../../proto/gen/siteswap/v1/error.ts';
import { errorTable, SiteswapError } from '../core/errors.ts';
import {
  errorHintLengthMax,
  errorMessageLengthMax,
  errorTextLengthMax,
  violationsPerErrorMax,
  violationTextsLengthMax,
} from './limits.ts';
import { owners } from './vocabulary.ts';

/** What grpc-js takes to end a call badly. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Headers take only well-formed text, and only so much of it. */
const clip = (text: string, lengthMax = errorTextLengthMax): string => {
  const whole = text.toWellFormed();
  return whole.length <= lengthMax ? whole : `${whole.slice(0, lengthMax).toWellFormed()}…`;
};

/** A few violations may be told at length, each of many in brief. */
const violationLengthMax = (count: number): number =>
  Math.min(
    errorMessageLengthMax,
    Math.max(errorTextLengthMax, Math.floor(violationTextsLengthMax / count)),
  );

/** A message with details for one caller. */
export const detailOf = (error: SiteswapError, callId: string): ErrorDetail => ({
  reason: error.reason,
  owner: owners.encode(errorTable[error.reason].owner),
  subject: clip(error.subject),
  vendorCode: clip(error.vendorCode),
  hint: clip(error.hint, errorHintLengthMax),
  violations: error.violations
    .slice(0, violationsPerErrorMax)
    .map(({ field, message }, _, all) => ({
      field: clip(field),
      message: clip(message, violationLengthMax(all.length)),
    })),
  callId,
});

/** SiteswapError → status. */
export const statusOf = (error: SiteswapError, callId: string): CallStatus => {
  const code = status[errorTable[error.reason].code];
  const message = clip(error.message, errorMessageLengthMax);
  const value = Buffer.from(ErrorDetail.encode(detailOf(error, callId)).finish());
  const details = [{ typeUrl: 'type.googleapis.com/siteswap.v1.ErrorDetail', value }];
  const metadata = new Metadata();
  metadata.set(
    'grpc-status-details-bin',
    Buffer.from(Status.encode({ code, message, details }).finish()),
  );
  return { code, details: message, metadata };
};

/** Anything thrown → the error that callers may see. A defect keeps its words for the log. */
export const siteswapErrorOf = (thrown: unknown): SiteswapError =>
  thrown instanceof SiteswapError
    ? thrown
    : new SiteswapError('INTERNAL', 'the daemon failed at this call; its log says more');
