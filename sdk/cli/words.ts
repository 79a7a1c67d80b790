/** Numbers and findings as people read them. Programs get the plain ones by `--json`. */
import type { Violation } from '../../proto/gen/siteswap/v1/error.ts';

/** What is wrong, after where it is; of the whole, without a place. */
export const violationText = ({ field, message }: Violation): string =>
  field === '' ? message : `${field}: ${message}`;

const unitsOfSize = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 → `1.5 KiB`. */
export const size = (bytes: number): string => {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), 5);
  const scaled = bytes / 2 ** (10 * power);
  const rounded = scaled >= 100 || power === 0 ? Math.round(scaled) : Number(scaled.toFixed(1));
  return `${rounded} ${unitsOfSize[power]}`;
};

const two = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  `${large} ${largeUnit}${small === 0 ? '' : ` ${small} ${smallUnit}`}`;

/** 950 → `0.95 s`, 83_000 → `1 min 23 s`, 7_260_000 → `2 h 1 min`. */
export const duration = (milliseconds: number): string => {
  const ms = Math.max(0, milliseconds);
  if (ms < 10_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return two(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  return two(Math.floor(seconds / 3_600), 'h', Math.floor((seconds % 3_600) / 60), 'min');
};

/** How long ago, or a dash for a moment that never was. */
export const ago = (atMs: number, nowMs: number): string =>
  atMs === 0 ? '–' : `${duration(Math.floor(Math.max(0, nowMs - atMs) / 1_000) * 1_000)} ago`;

const padded = (value: number): string => String(value).padStart(2, '0');

/** Local time of day. */
export const clockTime = (atMs: number): string => {
  const at = new Date(atMs);
  return `${padded(at.getHours())}:${padded(at.getMinutes())}:${padded(at.getSeconds())}`;
};

/** Local date and time, sortable. */
export const dateTime = (atMs: number): string => {
  if (atMs === 0) return '–';
  const at = new Date(atMs);
  const month = padded(at.getMonth() + 1);
  return `${at.getFullYear()}-${month}-${padded(at.getDate())} ${clockTime(atMs)}`;
};

/** `1 VM`, `12 VMs`. */
export const count = (amount: number, noun: string, plural = `${noun}s`): string =>
  `${amount} ${amount === 1 ? noun : plural}`;

/** The first few of a long list, and how many more there are. */
export const someOf = (words: readonly string[], shownMax: number): string => {
  const shown = words.slice(0, shownMax).join(', ');
  return words.length > shownMax ? `${shown} and ${words.length - shownMax} more` : shown;
};
