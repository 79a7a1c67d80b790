/** Many names in a sentence. */

/** Names told before the rest is counted; whoever wants all asks for a list. */
const namesMax = 3;

/** `a, b, c and 4 more`: of many, names are made for the first alone. */
export const someNamed = <T>(items: readonly T[], nameOf: (item: T) => string): string => {
  const more = items.length - namesMax;
  const first = items.slice(0, namesMax).map(nameOf).join(', ');
  return more > 0 ? `${first} and ${more} more` : first;
};

export const someOf = (names: readonly string[]): string => someNamed(names, (name) => name);
