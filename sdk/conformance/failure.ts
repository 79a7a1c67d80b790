/** The one error by which a claim fails, so that a defect of the suite is never taken for one. */
export class ClaimFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ClaimFailure';
  }
}

/** Fails the claim with `message` unless `condition` holds. */
export function claim(condition: unknown, message: string): asserts condition {
  if (!condition) throw new ClaimFailure(message);
}

/** A value as it stands in a failure's message. */
export const show = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
};
