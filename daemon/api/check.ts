/** Checks of requests that only the API can make: presence, length, known enum values. */
import { SiteswapError, type Violation } from '../core/errors.ts';
import { idLengthMax } from '../core/limits.ts';

/** Collects what is wrong with a request, so that its caller sees all of it at once. */
export class Problems {
  readonly violations: Violation[] = [];

  add(field: string, message: string): void {
    this.violations.push({ field, message });
  }

  /** An id or key that the caller chooses. */
  text(field: string, value: string): string {
    if (value === '') this.add(field, 'is missing');
    return this.optionalText(field, value);
  }

  optionalText(field: string, value: string): string {
    if (Buffer.byteLength(value) > idLengthMax) {
      this.add(field, `is longer than ${idLengthMax} bytes`);
    } else if (!value.isWellFormed()) {
      this.add(field, 'is not well-formed text');
    }
    return value;
  }

  /** An enum value as a core word; `fallback` stands in for a wrong one until `end` throws. */
  word<W extends string>(field: string, word: W | undefined, value: string, fallback: W): W {
    if (word === undefined) {
      const missing = value.endsWith('UNSPECIFIED') || value === 'UNRECOGNIZED';
      this.add(field, missing ? 'is missing or unknown' : `cannot be ${value} here`);
    }
    return word ?? fallback;
  }

  /** Throws INVALID_REQUEST when anything was wrong. */
  end(subject = ''): void {
    const [first] = this.violations;
    if (first === undefined) return;
    const more = this.violations.length - 1;
    throw new SiteswapError(
      'INVALID_REQUEST',
      `${first.field} ${first.message}${more > 0 ? `, and ${more} more` : ''}`,
      { subject, violations: this.violations },
    );
  }
}

/** One required field on its own. */
export const required = (field: string, value: string): string => {
  const problems = new Problems();
  problems.text(field, value);
  problems.end();
  return value;
};
