/** The imports of a file, static and dynamic, read from its text. */
import { lineAt, type SourceFile } from './_source.ts';

export interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

const importPattern =
  /(?:^|\n)\s*(?:im|ex)port\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\(\s*'([^']+)'/g;

export const importsOf = (file: SourceFile): readonly Import[] =>
  [...file.text.matchAll(importPattern)]
    .filter(({ index, 0: all }) => /import|export/.test(file.code.slice(index, index + all.length)))
    .map((match) => ({
      from: match[2] ?? match[3] ?? '',
      typeOnly: match[1] !== undefined,
      line: lineAt(file.text, match.index + match[0].length - 1),
    }));
