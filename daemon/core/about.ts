/** What a run without a plan does, in words: its list of runs has nothing else to tell it by. */
import { someNamed, someOf } from './some.ts';
import type { RunOpened } from './system-entries.ts';

/** `failover` of groups at one array, as a device run was asked for. */
const verbOf = (request: string): string => {
  const [verb, arrayId, targets] = JSON.parse(request) as [
    string,
    string,
    readonly { readonly id: string }[],
  ];
  return `${verb} of ${someNamed(targets, ({ id }) => id)} at ${arrayId}`;
};

/** Nothing for runs of plans. */
export const aboutOf = ({
  planId,
  moves,
  request,
}: Pick<RunOpened, 'planId' | 'moves' | 'request'>): { readonly about?: string } => {
  if (planId !== '') return {};
  if (moves === undefined) return { about: verbOf(request) };
  // A VM may have several moves, and several VMs one destination.
  const vms = new Set(moves.map(({ vmId }) => vmId));
  const to = new Set(moves.map(({ toDatastoreId }) => toDatastoreId));
  return { about: `storage migration of ${someOf([...vms])} to ${someOf([...to])}` };
};
