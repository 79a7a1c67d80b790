/** Lists come in pages on the wire; a caller sees one sequence. */

/** Fetches page after page until one has no successor. */
export async function* eachItem<T>(
  fetch: (token: string) => Promise<{ readonly items: readonly T[]; readonly next: string }>,
): AsyncGenerator<T, void> {
  for (let token = ''; ; ) {
    const { items, next } = await fetch(token);
    yield* items;
    if (next === '') return;
    token = next;
  }
}

/** A whole sequence as an array. */
export const collect = async <T>(sequence: AsyncIterable<T>): Promise<T[]> => {
  const items: T[] = [];
  for await (const item of sequence) items.push(item);
  return items;
};
