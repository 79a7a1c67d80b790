/** Says of a word that is not known what was meant, or could have been. */
import { nearest } from '../yaml/index.ts';

/** The likeliest first: a long list is cut where it is shown. */
export const unknownWord = (word: string, known: readonly string[]): string => {
  const meant = nearest(word, known);
  const guess = meant === undefined ? '' : `did you mean "${meant}"? `;
  return `there is no "${word}": ${guess}one of ${known.join(', ')}`;
};
