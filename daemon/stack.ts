/**
 * Stacks that name the sources. The daemon runs as one bundled file, whose places tell nobody much.
 * Node's own `--enable-source-maps` reads the map at each start, for 80 ms; here it is read when
 * somebody is to see a stack, which in most lives of a daemon is never.
 */
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';

const bundled = /(file:\/\/\S*\.bundle\.js):(\d+):(\d+)/g;

const maps = new Map<string, SourceMap | undefined>();

const mapOf = (file: string): SourceMap | undefined => {
  if (!maps.has(file)) {
    try {
      const text = readFileSync(new URL(`${file}.map`), 'utf8');
      maps.set(file, new SourceMap(JSON.parse(text)));
    } catch {
      // Without its map a place still says more than nothing.
      maps.set(file, undefined);
    }
  }
  return maps.get(file);
};

/** The same stack, with places in the sources wherever a map knows them. Never throws. */
export const withSources = (stack: string): string =>
  stack.replace(bundled, (place, file: string, line: string, column: string) => {
    const origin = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (origin === undefined || !('originalSource' in origin)) return place;
    const source = new URL(origin.originalSource, file).href;
    return `${source}:${origin.originalLine + 1}:${origin.originalColumn + 1}`;
  });
