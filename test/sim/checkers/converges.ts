/** In a world that is whole again, running once more ends well. */
import type { Checker } from './checker.ts';

export const runAgainConverges: Checker = () => {
  let again = false;
  return (moment) => {
    if (moment.kind === 'person' && moment.what === 'runs again') again = true;
    if (!again || moment.kind !== 'rest') return undefined;
    const { status, result, attention, notes } = moment.view;
    if (result === 'succeeded') return undefined;
    const [note] = notes;
    const first = note && `${note.itemId} ${note.state} at ${note.step}: ${note.why}`;
    return `${status} ${result ?? ''} ${attention} ${first ?? ''}`;
  };
};
