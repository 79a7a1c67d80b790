/** Small statistics and how figures are written: every measure speaks of medians and ratios. */

/** The value below which a share `q` (0–1) of the values lies; NaN of none. */
export const quantile = (values: readonly number[], q: number): number => {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
};

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** Three significant digits, thousands apart. */
export const written = (value: number): string => {
  if (!Number.isFinite(value)) return String(value);
  const digits = Number(value.toPrecision(value >= 1_000 ? 4 : 3));
  return digits.toLocaleString('en', { maximumFractionDigits: 6 });
};

export const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
