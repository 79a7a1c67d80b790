/** What an enumeration has told of each shape, line by line: one that was cut off goes on there. */
import type { Finding, Shard } from './lattice.ts';

export interface Told {
  /** Its title. */
  readonly shape: string;
  /** Processor time of the whole process since the line before. */
  readonly cpuMs: number;
  readonly finding: Finding;
}

export const lineOf = (told: Told): string => `${JSON.stringify(told)}\n`;

/** By shape, of which the last line counts. */
export const toldIn = (text: string): ReadonlyMap<string, Told> => {
  const told = text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Told]));
  return new Map(told.map((each) => [each.shape, each]));
};

/** `2/5`: the second of five. */
export const shardOf = (text: string): Shard => {
  const [, nth, of] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(nth) - 1, of: Number(of) };
  if (shard.index >= 0 && shard.index < shard.of) return shard;
  throw new Error(`--shard ${text}: wants the first of five as 1/5, the last as 5/5`);
};
