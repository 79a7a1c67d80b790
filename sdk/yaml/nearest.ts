/** "Did you mean": the nearest known word, so that a typo costs a glance and not a search. */

/** Optimal string alignment distance: insert, delete, replace, and swap of neighbours cost 1. */
export const distance = (from: string, to: string): number => {
  let before: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped =
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      const cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (before[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
      current.push(cost);
    }
    before = previous;
    previous = current;
  }
  return previous[to.length] ?? 0;
};

/** Longer words are never typos of ours; measuring them would only cost time. */
const wordLengthMax = 64;

/** The known word nearest to `word`, or undefined when none is near enough to be meant. */
export const nearest = (word: string, known: Iterable<string>): string | undefined => {
  if (word.length > wordLengthMax) return undefined;
  const plain = (text: string) => text.toLowerCase().replace(/[-_ ]/g, '');
  let best: string | undefined;
  let least = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of known) {
    if (candidate.length > wordLengthMax) continue;
    const away = distance(plain(word), plain(candidate));
    if (away < least) {
      best = candidate;
      least = away;
    }
  }
  return best;
};
