/**
 * Pages of lists. A token names the last item that was sent, not a position, so that items which
 * come or go between two pages shift nothing. It is opaque to callers and bound to its list.
 */
import { SiteswapError } from '../core/errors.ts';
import { pageSizeDefault, pageSizeMax } from '../core/limits.ts';

export interface PageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

export interface PageOf<T> {
  readonly items: readonly T[];
  /** Empty: this was the last page. */
  readonly nextPageToken: string;
}

const encode = (list: string, last: string): string =>
  Buffer.from(JSON.stringify([list, last])).toString('base64url');

const decode = (list: string, token: string): string => {
  try {
    const [of, last] = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (of === list && typeof last === 'string') return last;
  } catch {
    // Not ours: the same answer as for a token of another list.
  }
  throw new SiteswapError('PAGE_TOKEN_INVALID', 'the page token does not belong to this list');
};

/**
 * One page of `all`, which is sorted ascending by `keyOf` (unique keys). `list` names the list with
 * its filters.
 */
export const pageOf = <T>(
  list: string,
  all: readonly T[],
  keyOf: (item: T) => string,
  { pageSize, pageToken }: PageRequest,
): PageOf<T> => {
  const size = Math.min(pageSize === 0 ? pageSizeDefault : pageSize, pageSizeMax);
  const last = pageToken === '' ? undefined : decode(list, pageToken);
  const found = last === undefined ? 0 : all.findIndex((item) => keyOf(item) > last);
  const from = found < 0 ? all.length : found;
  const items = all.slice(from, from + size);
  const end = items.at(-1);
  const more = end !== undefined && from + size < all.length;
  return { items, nextPageToken: more ? encode(list, keyOf(end)) : '' };
};

/** Ascending by the key that the pages go by. */
export const sortedBy = <T>(items: readonly T[], keyOf: (item: T) => string): T[] =>
  [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
