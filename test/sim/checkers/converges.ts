/** In a world that is whole again, running once more ends well. */
import type { Lab } from '../../../plugins/lab/lab.ts';
import type { Checker } from './checker.ts';
import { pending } from './pending.ts';

const hasCutOff = ({ world, time }: Lab): boolean =>
  [...world.computes.values()].some(({ vms }) =>
    [...vms.production.values()].some(({ on, boot }) => on && (boot?.offAt ?? 0) <= time.now()),
  );

export const runAgainConverges: Checker = ({ lab, scenario }) => {
  let again = false;
  /** What somebody else has moved is not there to be moved; what may still land is waited for. */
  const mayBeRefused = (): boolean =>
    scenario.neighbour !== undefined || scenario.move !== undefined || [...pending(lab)].length > 0;
  return (moment) => {
    if (moment.kind === 'person' && moment.what === 'runs again') again = true;
    if (moment.kind === 'person' && moment.what === 'cannot run' && !mayBeRefused()) {
      return `${moment.said} is refused`;
    }
    if (!again || moment.kind !== 'rest') return undefined;
    const { status, result, attention, notes } = moment.view;
    // A VM that its storage has cut off is on in vain: a person has to start it anew.
    if (result === 'succeeded' || hasCutOff(lab)) return undefined;
    const [note] = notes;
    const first = note && `${note.itemId} ${note.state} at ${note.step}: ${note.why}`;
    return `${status} ${result ?? ''} ${attention} ${first ?? ''}`;
  };
};
