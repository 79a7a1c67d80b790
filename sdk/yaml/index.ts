/**
 * YAML that people write (plans, the daemon's configuration), checked against a zod schema.
 *
 * zod knows what is wrong but not where; `yaml` knows where but not what is wrong. This joins the
 * two, so that every problem of a file is shown at once, each at its line, with the expected form.
 */
import { isCollection, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { flattened, type Issue, pathText, toldOf } from './issues.ts';
import { checkLoosely, type Path } from './prune.ts';
import { renamed } from './rename.ts';

export { expectedOf } from './expected.ts';
export { pathText } from './issues.ts';
export { nearest } from './nearest.ts';

/**
 * Largest file that is read: a plan of 100,000 VMs is about 10 MB; anything beyond is a mistake.
 */
export const yamlBytesMax = 16 * 1024 * 1024;

/** A place in a file; lines and columns count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with a file. */
export interface Problem extends Position {
  readonly file: string;
  /** Such as `protectionGroups[0].vms[3].id`; empty for the whole document. */
  readonly path: string;
  /** What is wrong, with what was found there. */
  readonly message: string;
  /** The form that is right, in words; empty when there is none to tell. */
  readonly expected: string;
  /** The nearest right word, when a typo is likely. */
  readonly suggestion?: string;
}

/** A checked document, which still knows where each of its values stands. */
export interface Parsed<T> {
  readonly value: T;
  /**
   * Where the value at `path` stands, or the nearest mapping around it; with `key`, where that key
   * of the mapping at `path` is written.
   */
  readonly locate: (path: string, key?: string) => Position;
}

/** `rest`: what could be read without the places that are wrong, where anything could. */
export type ParseResult<T> =
  | Parsed<T>
  | { readonly problems: readonly Problem[]; readonly rest?: Parsed<T> };

const pathOf = (text: string): Path =>
  [...text.matchAll(/\[(\d+)\]|([^.[\]]+)/g)].map(([, index, key]) =>
    index === undefined ? (key ?? '') : Number(index),
  );

class Locator {
  readonly #root: Node | null;
  readonly #lines: LineCounter;

  constructor(root: Node | null, lines: LineCounter) {
    this.#root = root;
    this.#lines = lines;
  }

  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** With `key`: where that key of the mapping at `path` is written. */
  find(path: Path, key?: string): Position {
    let node = this.#root;
    for (const part of path) {
      const child = isCollection(node) ? (node.get(part, true) as Node | undefined) : undefined;
      if (child?.range === undefined) break;
      node = child;
    }
    if (key !== undefined && isMap(node)) {
      const written = node.items.find((pair) => isScalar(pair.key) && pair.key.value === key);
      if (isScalar(written?.key)) return this.at(written.key.range?.[0] ?? 0);
    }
    return this.at(node?.range?.[0] ?? 0);
  }
}

const problemsOf = (
  issue: Issue,
  context: {
    readonly file: string;
    readonly schema: z.core.$ZodType;
    readonly root: unknown;
    readonly find: Locator['find'];
  },
): readonly Problem[] =>
  toldOf(issue, context).map(({ path, key, ...told }) => ({
    file: context.file,
    ...context.find(path, key),
    path: pathText(key === undefined ? path : [...path, key]),
    ...told,
  }));

/**
 * Parses `text` and checks it against `schema`. Never throws for what an author can get wrong;
 * answers every problem at once, in the order of the file.
 *
 * Use `z.strictObject` so that unknown keys are found, and `.describe('…')` where the words that
 * a schema gives by itself are not the best ones.
 */
export const parseYaml = <T>(
  text: string,
  schema: z.ZodType<T>,
  { file }: { readonly file: string },
): ParseResult<T> => {
  const problem = (message: string, expected: string, place: Position): Problem => ({
    file,
    ...place,
    path: '',
    message,
    expected,
  });
  if (text.length > yamlBytesMax) {
    const message = `the file is larger than ${yamlBytesMax / 1024 / 1024} MiB`;
    return { problems: [problem(message, 'a smaller file', { line: 1, column: 1 })] };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const locator = new Locator(document.contents as Node | null, lines);
  if (document.errors.length > 0) {
    const expected = 'well-formed YAML';
    return {
      problems: document.errors.map((error) =>
        problem(error.message, expected, locator.at(error.pos[0])),
      ),
    };
  }
  let root: unknown;
  try {
    root = document.toJS();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { problems: [problem(message, 'aliases that resolve', { line: 1, column: 1 })] };
  }
  return judged(root, schema, { file, locator });
};

const judged = <T>(
  root: unknown,
  schema: z.ZodType<T>,
  { file, locator }: { readonly file: string; readonly locator: Locator },
): ParseResult<T> => {
  const written = checkLoosely(root, schema, flattened);
  const right = renamed(root, schema, written.issues);
  const { issues, value, originalOf } =
    right === undefined ? written : checkLoosely(right.root, schema, flattened);
  const find = (path: Path, key?: string): Position =>
    locator.find(right?.writtenAs(path) ?? path, key);
  const locate = (path: string, key?: string): Position => find(originalOf(pathOf(path)), key);
  if (value !== undefined && written.issues.length === 0) return { value, locate };
  const mistyped = right === undefined ? [] : written.issues.flatMap(right.mistyped);
  const asWritten = {
    file,
    schema,
    root,
    find: (path: Path, key?: string) => locator.find(path, key),
  };
  const asMeant = { file, schema, root: right?.root ?? root, find };
  const problems = [
    ...mistyped.flatMap((issue) => problemsOf(issue, asWritten)),
    ...issues.flatMap((issue) => problemsOf(issue, asMeant)),
  ].sort((a, b) => a.line - b.line || a.column - b.column);
  return { problems, ...(value !== undefined && { rest: { value, locate } }) };
};

/** Problems that are shown at once: nobody mends more of them before looking again. */
export const problemsShownMax = 20;

/**
 * Problems as lines for a person:
 *
 *     plan.yaml:7:15: protectionGroups[0].vms[1].priority: found "high"
 *       expected a whole number from 1 to 5
 *
 * After `problemsShownMax` of them it says how many there are more.
 */
export const formatProblems = (problems: readonly Problem[]): string => {
  const shown = problems.slice(0, problemsShownMax);
  const more = problems.length - shown.length;
  return [
    ...shown.flatMap(({ file, line, column, path, message, expected, suggestion }) => [
      `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`,
      ...(suggestion === undefined ? [] : [`  did you mean ${JSON.stringify(suggestion)}?`]),
      ...(expected === '' ? [] : [`  expected ${expected}`]),
    ]),
    ...(more === 0 ? [] : [`and ${more} more`]),
  ].join('\n');
};
