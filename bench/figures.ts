/**
 * What a bench has found: figures, each beside the limit that was measured in the same run, and
 * the bound that the figure should keep. Written for people, and as JSON for comparing.
 */
import { written } from './numbers.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the same machine does at best, in the same unit, measured in the same run. */
  readonly limit?: { readonly name: string; readonly value: number };
  /** `≥` or `≤` this is wanted of the value, or of its ratio to the limit. */
  readonly wanted?: {
    readonly of: 'value' | 'ratio';
    readonly is: '≥' | '≤';
    readonly than: number;
  };
}

export const ratioOf = ({ value, limit }: Figure): number | undefined =>
  limit === undefined ? undefined : value / limit.value;

/** Undefined: nothing is wanted of it. */
export const holds = (figure: Figure): boolean | undefined => {
  const { wanted } = figure;
  if (wanted === undefined) return undefined;
  const found = wanted.of === 'value' ? figure.value : (ratioOf(figure) ?? Number.NaN);
  return wanted.is === '≥' ? found >= wanted.than : found <= wanted.than;
};

const wantedText = ({ wanted }: Figure): string => {
  if (wanted === undefined) return '';
  return `${wanted.of === 'ratio' ? 'ratio ' : ''}${wanted.is} ${written(wanted.than)}`;
};

const rowOf = (figure: Figure): readonly string[] => {
  const { name, value, unit, limit } = figure;
  const held = holds(figure);
  const ratio = ratioOf(figure);
  return [
    name,
    `${written(value)} ${unit}`,
    limit === undefined ? '' : `${written(limit.value)} (${limit.name})`,
    ratio === undefined ? '' : ratio.toFixed(2),
    held === undefined ? '' : `${wantedText(figure)}: ${held ? 'holds' : 'FALLS SHORT'}`,
  ];
};

/** A Markdown table, as the documentation quotes it. */
export const tableOf = (figures: readonly Figure[]): string => {
  const rows = [['measure', 'found', 'limit', 'ratio', 'wanted'], ...figures.map(rowOf)];
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const lines = rows.map(
    (row) => `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`,
  );
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`);
  return lines.join('\n');
};
