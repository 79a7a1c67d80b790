/**
 * The project's own source as the house rules read it: text, and the same text with comments and
 * literals blanked out (same length, same lines), so that a rule about code never trips on words.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceFile {
  /** From the root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** Without comments and the insides of strings, templates and regular expressions. */
  readonly code: string;
}

/** One breach of a rule. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly problem: string;
}

export interface Rule {
  readonly name: string;
  readonly check: (file: SourceFile) => readonly Finding[];
  /** Snippets that the rule must find something in: a rule that cannot fail is no rule. */
  readonly bad: readonly { readonly path: string; readonly text: string }[];
  /** Snippets that look alike and are right. */
  readonly good: readonly { readonly path: string; readonly text: string }[];
}

const findRoot = (folder: string): string =>
  existsSync(join(folder, 'biome.json')) ? folder : findRoot(dirname(folder));

export const root = findRoot(dirname(fileURLToPath(import.meta.url)));

const skipped = new Set(['node_modules', 'dist', 'gen']);

const walk = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (skipped.has(entry.name) || entry.name.startsWith('.')) return [];
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() ? [path] : [];
  });

/** Every file of the project that a person wrote. */
export const allPaths: readonly string[] = walk('');

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

export const sourceOf = (path: string, text: string): SourceFile => ({
  path,
  text,
  code: blank(text),
});

/** Every TypeScript and JavaScript file. */
export const sources = (): readonly SourceFile[] => {
  all ??= allPaths
    .filter((path) => /\.(ts|mjs|js)$/.test(path))
    .map((path) => sourceOf(path, read(path)));
  return all;
};

let all: readonly SourceFile[] | undefined;

export const lineAt = (text: string, offset: number): number =>
  text.slice(0, offset).split('\n').length;

/** Every match of `pattern` in the code, as findings. */
export const matches = (
  file: SourceFile,
  pattern: RegExp,
  problem: string,
  where: 'code' | 'text' = 'code',
): readonly Finding[] =>
  [...file[where].matchAll(new RegExp(pattern, 'g'))].map((match) => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    problem: `${match[0].trim()}: ${problem}`,
  }));

const spaces = (text: string): string => text.replace(/[^\n]/g, ' ');

/** After these a slash begins a regular expression, not a division. */
const beforeRegex = /(^|[=([,:!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of))\s*$/;

const literal: readonly (readonly [string, RegExp])[] = [
  ['//', /\/\/[^\n]*/y],
  ['/*', /\/\*[\s\S]*?\*\//y],
  ["'", /'(?:\\.|[^'\\\n])*'/y],
  ['"', /"(?:\\.|[^"\\\n])*"/y],
];
const regex = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/y;

const matchAt = (pattern: RegExp, text: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
};

/** The comment, string or regular expression that begins at `at`, if one does. */
const literalAt = (text: string, at: number, code: string): string | undefined => {
  for (const [start, pattern] of literal) {
    if (text.startsWith(start, at)) return matchAt(pattern, text, at);
  }
  const mayBeRegex = text[at] === '/' && beforeRegex.test(code.slice(-200));
  return mayBeRegex ? matchAt(regex, text, at) : undefined;
};

/** What begins nothing and ends nothing, in code and in the words of a template. */
const plainCode = /[^/'"`{}]+/y;
const plainWords = /[^$`\\]+/y;

/** Code of a template's `${…}` stays, its words go; templates nest. */
const blank = (text: string): string => {
  let out = '';
  const templates: number[] = [];
  let depth = 0;
  let inTemplate = false;
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    const plain = matchAt(inTemplate ? plainWords : plainCode, text, at);
    if (plain !== undefined) {
      out += inTemplate ? spaces(plain) : plain;
      at += plain.length;
      continue;
    }
    if (inTemplate) {
      if (text.startsWith('${', at)) {
        templates.push(depth);
        inTemplate = false;
        out += '  ';
        at += 2;
        continue;
      }
      if (char === '`') inTemplate = false;
      const width = char === '\\' ? 2 : 1;
      out += spaces(text.slice(at, at + width));
      at += width;
      continue;
    }
    const found = literalAt(text, at, out);
    if (found !== undefined) {
      const quoted = found[0] === "'" || found[0] === '"';
      out += quoted ? `${found[0]}${spaces(found.slice(1, -1))}${found[0]}` : spaces(found);
      at += found.length;
      continue;
    }
    if (char === '`') inTemplate = true;
    if (char === '{') depth += 1;
    if (char === '}' && templates.at(-1) === depth) {
      templates.pop();
      inTemplate = true;
    } else if (char === '}') depth -= 1;
    out += char === '`' || inTemplate ? ' ' : char;
    at += 1;
  }
  return out;
};
