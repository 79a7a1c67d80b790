/** Sizes as people read them, in what an error or a finding says. */

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 → `1.5 KiB`; as the command line writes sizes. */
export const sizeText = (bytes: number): string => {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const scaled = bytes / 2 ** (10 * power);
  const rounded = scaled >= 100 || power === 0 ? Math.round(scaled) : Number(scaled.toFixed(1));
  return `${rounded} ${units[power]}`;
};
