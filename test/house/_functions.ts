/**
 * Where functions begin and end, read from blanked code by matching braces. An approximation on
 * purpose: no parser is needed to see that a function has grown beyond a screen.
 */
import { lineAt } from './_source.ts';

export interface FunctionAt {
  readonly line: number;
  readonly lines: number;
}

const blocks = new Set(['if', 'for', 'while', 'switch', 'catch', 'with']);

/** Offset of the bracket that the one at `at` closes; -1: none. */
const opening = (code: string, at: number): number => {
  let depth = 0;
  for (let from = at; from >= 0; from--) {
    if (')}]'.includes(code[from] as string)) depth += 1;
    if ('({['.includes(code[from] as string)) depth -= 1;
    if (depth === 0) return from;
  }
  return -1;
};

/** Where the header of the function begins whose body opens at `brace`; -1: it is no function. */
const headerOf = (code: string, brace: number): number => {
  const before = code.slice(0, brace).trimEnd();
  if (before.endsWith('=>')) return brace;
  const annotated = /\)\s*:\s*[\w$<>[\],.\s|&'"]+$/.exec(before);
  const close = before.endsWith(')') ? before.length - 1 : (annotated?.index ?? -1);
  if (close < 0) return -1;
  const open = opening(before, close);
  const word = /([\w$#]+)\s*(<[^<>]*>)?\s*$/.exec(before.slice(0, Math.max(open, 0)))?.[1];
  return word === undefined || blocks.has(word) ? -1 : open;
};

const closing = (code: string, brace: number): number => {
  let depth = 0;
  for (let at = brace; at < code.length; at++) {
    if (code[at] === '{') depth += 1;
    if (code[at] === '}') depth -= 1;
    if (depth === 0) return at;
  }
  return code.length;
};

/** Every function with a body in braces, the outer before the inner. */
export const functionsIn = (code: string): readonly FunctionAt[] =>
  [...code.matchAll(/\{/g)].flatMap(({ index }) => {
    const header = headerOf(code, index);
    if (header < 0) return [];
    const line = lineAt(code, header);
    return [{ line, lines: lineAt(code, closing(code, index)) - line + 1 }];
  });
