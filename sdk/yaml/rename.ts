/**
 * A mistyped key whose right form is missing beside it: what stands under it is what was meant. So
 * the rest of the document is judged as if it were written right, instead of not at all.
 */

import type { z } from 'zod';
import { formsOf, schemasAt } from './expected.ts';
import type { Issue } from './issues.ts';
import { nearest } from './nearest.ts';
import type { Path } from './prune.ts';

/** The document with right keys, and where a path of it stands in the one that was written. */
export interface Renamed {
  readonly root: unknown;
  readonly writtenAs: (path: Path) => Path;
  /** What an issue of the written document says of keys that are mistyped in this way. */
  readonly mistyped: (issue: Issue) => readonly Issue[];
}

const keyOf = (path: Path): string => JSON.stringify(path);

/** Path of the right key → the key as it is written. */
const mistypedIn = (issues: readonly Issue[], schema: z.core.$ZodType): Map<string, string> => {
  const wrong = new Set(issues.map(({ path }) => keyOf(path)));
  const found = new Map<string, string>();
  for (const issue of issues) {
    if (issue.code !== 'unrecognized_keys') continue;
    const known = schemasAt(schema, issue.path).flatMap(formsOf).flat();
    const lacking = known.filter((key) => wrong.has(keyOf([...issue.path, key])));
    for (const key of issue.keys) {
      const meant = nearest(key, known);
      if (meant !== undefined && lacking.includes(meant)) {
        found.set(keyOf([...issue.path, meant]), key);
      }
    }
  }
  return found;
};

/** Undefined: no key was mistyped in this way. `issues`: of `root`, by `schema`. */
export const renamed = (
  root: unknown,
  schema: z.core.$ZodType,
  issues: readonly Issue[],
): Renamed | undefined => {
  const mistyped = mistypedIn(issues, schema);
  if (mistyped.size === 0) return undefined;
  const copy = (value: unknown, path: Path): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((child, at) => copy(child, [...path, at]));
    const entries = Object.entries(value).map(([key, child]) => {
      const meant = meantBy.get(keyOf([...path, key])) ?? key;
      return [meant, copy(child, [...path, key])] as const;
    });
    return Object.fromEntries(entries);
  };
  const meantBy = new Map(
    [...mistyped].map(([right, key]) => {
      const path = JSON.parse(right) as (string | number)[];
      return [keyOf([...path.slice(0, -1), key]), String(path.at(-1))] as const;
    }),
  );
  return {
    root: copy(root, []),
    writtenAs: (path) => path.map((key, at) => mistyped.get(keyOf(path.slice(0, at + 1))) ?? key),
    mistyped: (issue) => {
      if (issue.code !== 'unrecognized_keys') return [];
      const keys = issue.keys.filter((key) => meantBy.has(keyOf([...issue.path, key])));
      return keys.length === 0 ? [] : [{ ...issue, keys }];
    },
  };
};
