/** Errors of the contract as values that travel, and back. */
import { errorTable, type Reason, SiteswapError } from '../core/errors.ts';
import type { ReportedError } from './queues.ts';

export const reportedOf = (error: SiteswapError): ReportedError => {
  const { reason, message, subject, vendorCode, hint, violations } = error;
  return { reason, message, subject, vendorCode, hint, violations };
};

/** A reason that this program does not know came from a newer one. */
export const errorOf = ({ reason, message, ...more }: ReportedError): SiteswapError =>
  reason in errorTable
    ? new SiteswapError(reason as Reason, message, more)
    : new SiteswapError('INTERNAL', `${reason}: ${message}`, more);
