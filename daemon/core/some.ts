/** Many names in a sentence. */

/** Names told before the rest is counted; whoever wants all asks for a list. */
const namesMax = 3;

/** `a, b, c and 4 more` */
export const someOf = (names: readonly string[]): string => {
  const more = names.length - namesMax;
  const first = names.slice(0, namesMax).join(', ');
  return more > 0 ? `${first} and ${more} more` : first;
};
