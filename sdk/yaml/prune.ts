/**
 * What is left of a document without the places that its schema refuses: so much can still be
 * judged, and its author sees everything at once instead of one stage of problems after another.
 */
import type { z } from 'zod';

/** A place in a document. */
export type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** What is wrong is seldom deeper: a document that is not right after these is given up. */
const roundsMax = 8;

/** The document without some places, and where each that is left stood before. */
interface Pruned {
  readonly root: unknown;
  readonly originalOf: (path: Path) => Path;
}

const keyOf = (path: Path): string => JSON.stringify(path);

const prune = (root: unknown, gone: ReadonlySet<string>): Pruned => {
  const indexes = new WeakMap<object, readonly number[]>();
  const copy = (value: unknown, path: Path): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const left = Object.entries(value)
      .map(([key, child]) => [Array.isArray(value) ? Number(key) : key, child] as const)
      .filter(([key]) => !gone.has(keyOf([...path, key])));
    const copied = left.map(([key, child]) => [key, copy(child, [...path, key])] as const);
    if (!Array.isArray(value)) return Object.fromEntries(copied);
    const list = copied.map(([, child]) => child);
    indexes.set(
      list,
      left.map(([key]) => Number(key)),
    );
    return list;
  };
  const rest = copy(root, []);
  const originalOf = (path: Path): Path => {
    let at: unknown = rest;
    return path.map((key) => {
      const known = typeof at === 'object' && at !== null ? indexes.get(at) : undefined;
      at = (at as Record<PropertyKey, unknown> | undefined)?.[key];
      return typeof key === 'number' ? (known?.[key] ?? key) : key;
    });
  };
  return { root: rest, originalOf };
};

const placesOf = (issue: Issue): readonly Path[] =>
  issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];

const isThere = (root: unknown, path: Path): boolean => {
  const parent = path
    .slice(0, -1)
    .reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], root);
  return typeof parent === 'object' && parent !== null && Object.hasOwn(parent, path.at(-1) ?? '');
};

/** Places that are taken out, and everything that they are part of. */
class Gone {
  readonly places = new Set<string>();
  readonly around = new Set<string>();

  add(path: Path): void {
    this.places.add(keyOf(path));
    for (let length = 0; length <= path.length; length++) {
      this.around.add(keyOf(path.slice(0, length)));
    }
  }
}

/** Something that is missing takes the mapping that lacks it along. */
const goingOf = (root: unknown, path: Path, gone: Gone): Path =>
  path.length === 0 || (isThere(root, path) && !gone.places.has(keyOf(path)))
    ? path
    : goingOf(root, path.slice(0, -1), gone);

/** What a schema says of a document, taken apart: `flattened` looks into unions. */
export const checkLoosely = <T>(
  root: unknown,
  schema: z.ZodType<T>,
  flattened: (issue: Issue) => readonly Issue[],
): { issues: readonly Issue[]; value?: T; originalOf: (path: Path) => Path } => {
  const issues: Issue[] = [];
  const gone = new Gone();
  let rest: Pruned = { root, originalOf: (path) => path };
  for (let round = 0; round < roundsMax; round++) {
    const checked = schema.safeParse(rest.root);
    if (checked.success) return { issues, value: checked.data, originalOf: rest.originalOf };
    const found = checked.error.issues
      .flatMap((issue) => flattened(issue))
      .map((issue) => ({ ...issue, path: [...rest.originalOf(issue.path)] }) as Issue);
    // What a place lacks because of what was taken from it is nobody's mistake.
    for (const issue of found) if (!gone.around.has(keyOf(issue.path))) issues.push(issue);
    const going = found.flatMap(placesOf).map((path) => goingOf(root, path, gone));
    if (going.some(({ length }) => length === 0)) break;
    for (const path of going) gone.add(path);
    rest = prune(root, gone.places);
  }
  return { issues, originalOf: rest.originalOf };
};
