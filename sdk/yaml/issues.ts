/**
 * What zod finds wrong, in words for an author: what is wrong there, the right form, the nearest
 * right word. Without the text: it knows paths, and others know where these stand.
 */
import type { z } from 'zod';
import { expectedOf, formByWord, formsOf, schemasAt, wordsOf } from './expected.ts';
import { nearest } from './nearest.ts';
import type { Path } from './prune.ts';

/** One thing that zod finds wrong. */
export type Issue = z.core.$ZodIssue;

/** `['vms', 3, 'id']` → `vms[3].id`. */
export const pathText = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');

/** What is wrong at a place: at `path`, or at the key `key` of the mapping there. */
export interface Told {
  readonly path: Path;
  readonly key?: string;
  readonly message: string;
  /** The form that is right, in words; empty when there is none to tell. */
  readonly expected: string;
  readonly suggestion?: string;
}

const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text);

const found = (value: unknown): string => {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  return shortened(JSON.stringify(value) ?? String(value));
};

/** As `found`, of a document that may hold secrets. */
export const foundKind = (value: unknown): string => {
  const kinds: Readonly<Record<string, string>> = { string: 'text', boolean: 'true or false' };
  const seen = typeof value;
  if (seen === 'object' || seen === 'undefined') return found(value);
  return value === '' ? 'empty text' : (kinds[seen] ?? `a ${seen}`);
};

const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    root,
  );

/** Of a union, the branch whose author came furthest: the deepest issue, then the fewest. */
export const flattened = (issue: Issue, above: Path = []): readonly Issue[] => {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union') return [{ ...issue, path } as Issue];
  const branches = issue.errors
    .map((branch) => branch.flatMap((inner) => flattened(inner as Issue, path)))
    .map((issues) => ({ issues, depth: Math.max(...issues.map((inner) => inner.path.length)) }))
    .sort((a, b) => b.depth - a.depth || a.issues.length - b.issues.length);
  const [best, second] = branches;
  const ahead =
    second === undefined ||
    (best !== undefined &&
      (best.depth > second.depth || best.issues.length < second.issues.length));
  if (best !== undefined && best.depth > path.length && ahead) return best.issues;
  const mistyped = leastMistyped(branches.flatMap(({ issues }) => issues));
  return mistyped.length > 0 ? mistyped : [{ ...issue, path } as Issue];
};

/** Of several forms of one mapping, those that know most of its keys; what they say alike, once. */
const leastMistyped = (issues: readonly Issue[]): readonly Issue[] => {
  const mistyped = issues.filter((issue) => issue.code === 'unrecognized_keys');
  const fewest = Math.min(...mistyped.map(({ keys }) => keys.length));
  const best = mistyped.filter(({ keys }) => keys.length === fewest);
  return [...new Map(best.map((issue) => [JSON.stringify(issue.keys), issue])).values()];
};

const suggested = (word: string, known: readonly string[]): { suggestion?: string } => {
  const suggestion = nearest(word, known);
  return suggestion === undefined ? {} : { suggestion };
};

const inQuotes = (word: string): string => JSON.stringify(word);

const quoted = (words: readonly string[]): string => words.map(inQuotes).join(', ');

/** Unknown, or known in another form of the mapping than the one that the rest is written in. */
const wrongKey = (
  key: string,
  written: readonly string[],
  forms: readonly (readonly string[])[],
): Pick<Told, 'message' | 'expected' | 'suggestion'> => {
  const others = written.filter((one) => one !== key);
  const fit = (form: readonly string[]) => others.filter((one) => form.includes(one)).length;
  const best = Math.max(...forms.map(fit));
  const known = [...new Set(forms.filter((form) => fit(form) === best).flat())];
  const elsewhere = forms.find((form) => form.includes(key));
  const beside = others.filter((one) => elsewhere?.includes(one) === false && known.includes(one));
  const expected = `one of ${known.join(', ')}`;
  if (beside.length > 0) {
    return { message: `${quoted([key])} does not go with ${quoted(beside)}`, expected };
  }
  return { message: `unknown key ${quoted([key])}`, expected, ...suggested(key, known) };
};

/** A key of another form, where the form is said in so many words. */
const strayKey = (
  key: string,
  schemas: readonly z.core.$ZodType[],
  value: unknown,
): Pick<Told, 'message' | 'expected'> | undefined => {
  const said = schemas.map((schema) => formByWord(schema, value)).find((form) => form);
  if (said === undefined || !schemas.some((one) => formsOf(one).flat().includes(key))) return;
  const message = `${quoted([key])} does not go with ${said.key}: ${said.word}`;
  return {
    message,
    expected: `${said.keys.length > 1 ? 'one of' : 'only'} ${said.keys.join(', ')}`,
  };
};

/** What each form of a mapping lacks, where one key each is all that its author has to choose. */
const lackedBy = (issue: Issue, value: unknown): readonly string[] => {
  if (issue.code !== 'invalid_union' || foundKind(value) !== 'a mapping') return [];
  const lacking = issue.errors.map((branch) =>
    branch.flatMap(({ path: [key, ...deeper] }) =>
      typeof key === 'string' && deeper.length === 0 && !Object.hasOwn(value as object, key)
        ? [key]
        : [],
    ),
  );
  return lacking.every(({ length }) => length === 1) ? [...new Set(lacking.flat())] : [];
};

/** `say`: what a message tells of a value that is not right. */
export const toldOf = (
  issue: Issue,
  { schema, root, say = found }: IssueContext,
): readonly Told[] => {
  const schemas = schemasAt(schema, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const forms = schemas.flatMap(formsOf);
    const mapping = valueAt(root, issue.path);
    const written = Object.keys(mapping ?? {});
    return issue.keys.map((key) => {
      const wrong = strayKey(key, schemas, mapping) ?? wrongKey(key, written, forms);
      return { path: issue.path, key, ...wrong };
    });
  }
  const value = valueAt(root, issue.path);
  const lacked = lackedBy(issue, value);
  if (lacked.length > 1) {
    const all = lacked.flatMap((name) => schemas.flatMap((one) => schemasAt(one, [name])));
    const expected = [...new Set(all.map(expectedOf))].join('; or ');
    return [
      { path: issue.path, message: `${lacked.map(inQuotes).join(' or ')} is missing`, expected },
    ];
  }
  const key = issue.path.at(-1);
  const missing = value === undefined && typeof key === 'string';
  const expected = [...new Set(schemas.map(expectedOf))].join('; or ');
  const described = issue.code === 'custom' ? issue.message : `found ${say(value)}`;
  return [
    {
      path: issue.path,
      message: missing ? `${JSON.stringify(key)} is missing` : described,
      expected: issue.code === 'custom' && !missing ? '' : expected,
      ...(typeof value === 'string' ? suggested(value, schemas.flatMap(wordsOf)) : {}),
    },
  ];
};

interface IssueContext {
  readonly schema: z.core.$ZodType;
  readonly root: unknown;
  readonly say?: (value: unknown) => string;
}
