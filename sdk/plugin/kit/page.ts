/** Pages of a list that is at hand as a whole. */
import type { Page } from '../model.ts';

/**
 * One page in a stable order: by the items' keys, which are unique; the token is the last key of
 * the page before, so that what comes or goes meanwhile moves nothing.
 */
export const pageOf = <T>(
  all: readonly T[],
  { token, sizeMax }: { readonly token?: string; readonly sizeMax: number },
  keyOf: (item: T) => string,
): Page<T> => {
  const sorted = [...all].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const rest = token === undefined ? sorted : sorted.filter((item) => keyOf(item) > token);
  const items = rest.slice(0, sizeMax);
  const last = items.at(-1);
  return rest.length > items.length && last !== undefined
    ? { items, next: keyOf(last) }
    : { items };
};
