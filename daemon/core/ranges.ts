/**
 * A compact set of positions, as text: `0-41,43`. One journal entry covers a workgroup's step, so
 * the items that succeeded must cost a few bytes whatever their number.
 */

/** Ascending, distinct positions → text. */
export const encodeRanges = (positions: readonly number[]): string => {
  let text = '';
  for (let from = 0; from < positions.length; ) {
    let to = from;
    while (to + 1 < positions.length && positions[to + 1] === (positions[to] as number) + 1) to++;
    const first = positions[from] as number;
    const last = positions[to] as number;
    text += `${text === '' ? '' : ','}${first === last ? first : `${first}-${last}`}`;
    from = to + 1;
  }
  return text;
};

/** Text → ascending positions. */
export const decodeRanges = (text: string): number[] => {
  const positions: number[] = [];
  if (text === '') return positions;
  for (const part of text.split(',')) {
    const dash = part.indexOf('-');
    const first = Number(dash < 0 ? part : part.slice(0, dash));
    const last = dash < 0 ? first : Number(part.slice(dash + 1));
    for (let position = first; position <= last; position++) positions.push(position);
  }
  return positions;
};
