/** Plans of a bench over groups of the lab. */

/** What stands behind `cg-` in the name of each group, from one number to another. */
export const namesOf = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, n) => String(from + n).padStart(4, '0'));

/** Moves these from `site-a` to `site-b`, each as a protection group of its own. */
export const planOver = (id: string, names: readonly string[]) => ({
  id,
  name: id,
  protectedSiteId: 'site-a',
  recoverySiteId: 'site-b',
  protectionGroups: names.map((name) => ({
    id: `pg-${name}`,
    groups: [{ arrayId: 'lab-a', id: `cg-${name}` }],
  })),
});
