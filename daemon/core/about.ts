/** What a run without a plan does, in words: its list of runs has nothing else to tell it by. */
import { someOf } from './some.ts';
import type { RunOpened } from './system-entries.ts';

/** `failover` of groups at one array, as a device run was asked for. */
const verbOf = (request: string): string => {
  const [verb, arrayId, targets] = JSON.parse(request) as [
    string,
    string,
    readonly { readonly id: string }[],
  ];
  return `${verb} of ${someOf(targets.map(({ id }) => id))} at ${arrayId}`;
};

/** Nothing for runs of plans. */
export const aboutOf = ({
  planId,
  moves,
  request,
}: Pick<RunOpened, 'planId' | 'moves' | 'request'>): { readonly about?: string } => {
  if (planId !== '') return {};
  if (moves === undefined) return { about: verbOf(request) };
  const to = someOf([...new Set(moves.map(({ toDatastoreId }) => toDatastoreId))]);
  return { about: `storage migration of ${someOf(moves.map(({ vmId }) => vmId))} to ${to}` };
};
