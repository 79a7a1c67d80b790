/**
 * Checks what the file's parts say of each other: ids that stand twice, ids that stand nowhere.
 * They look at the file as written, so that these problems are shown together with those of its
 * form.
 */
import { nearest } from '../../sdk/yaml/index.ts';
import { type Finding, itemsOf, type Mapping } from './finding.ts';

export const referenceFindings = (root: Mapping): readonly Finding[] => {
  const remotes = [...itemsOf(root, 'arrays'), ...itemsOf(root, 'computes')];
  const rules = itemsOf(root, 'injections');
  return [
    ...twice(itemsOf(root, 'sites'), 'id', 'site'),
    ...twice(itemsOf(root, 'plugins'), 'id', 'plugin'),
    ...twice(remotes, 'id', 'array or compute'),
    ...twice(rules, 'name', 'injection'),
    ...nowhere(root, 'sites', [{ path: '', item: root }, ...remotes, ...rules], 'site'),
    ...nowhere(root, 'plugins', remotes, 'plugin'),
    ...unknownRemotes(root, textsOf(remotes, 'id')),
  ];
};

type Items = ReturnType<typeof itemsOf>;

const textsOf = (items: Items, key: string): readonly string[] =>
  items.flatMap(({ item }) => (typeof item[key] === 'string' ? [item[key]] : []));

const twice = (items: Items, key: string, what: string): readonly Finding[] => {
  const first = new Map<string, string>();
  return items.flatMap(({ path, item }) => {
    const id = item[key];
    if (typeof id !== 'string') return [];
    const before = first.get(id);
    first.set(id, before ?? path);
    if (before === undefined) return [];
    const message = `${JSON.stringify(id)} is the ${key} of ${before} already`;
    return [{ path: `${path}.${key}`, message, expected: `a ${key} of its own for each ${what}` }];
  });
};

const nowhere = (root: Mapping, list: string, users: Items, key: string): readonly Finding[] => {
  const known = textsOf(itemsOf(root, list), 'id');
  return users.flatMap(({ path, item }) =>
    missing(item[key], known, path === '' ? key : `${path}.${key}`, list),
  );
};

const unknownRemotes = (root: Mapping, known: readonly string[]): readonly Finding[] =>
  itemsOf(root, 'injections').flatMap(({ path, item }) =>
    missing(item.remote, known, `${path}.remote`, 'arrays and computes'),
  );

const missing = (
  id: unknown,
  known: readonly string[],
  path: string,
  list: string,
): readonly Finding[] => {
  if (typeof id !== 'string' || known.includes(id)) return [];
  const suggestion = nearest(id, known);
  const among = known.length === 0 ? 'none is defined' : `defined: ${known.join(', ')}`;
  return [
    {
      path,
      message: `no ${JSON.stringify(id)} among the ${list} of this file`,
      expected: `the id of one of its ${list} (${among})`,
      ...(suggestion !== undefined && { suggestion }),
    },
  ];
};
