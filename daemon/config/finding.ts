/** What a check of the configuration finds: a problem that does not know its line yet. */
export interface Finding {
  /** Such as `arrays[0].site`. */
  readonly path: string;
  readonly message: string;
  /** The right form, in words; empty when there is none to tell. */
  readonly expected: string;
  readonly suggestion?: string;
}

/** A mapping of the file, as far as it is one. */
export type Mapping = Readonly<Record<string, unknown>>;

export const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The mappings of the list `key`, each with its path; whatever else stands there is left out. */
export const itemsOf = (
  root: Mapping,
  key: string,
): readonly { readonly path: string; readonly item: Mapping }[] => {
  const list = root[key];
  if (!Array.isArray(list)) return [];
  return list.flatMap((item, index) =>
    isMapping(item) ? [{ path: `${key}[${index}]`, item }] : [],
  );
};
