/** What a run without a plan does, in words: its list of runs has nothing else to tell it by. */
import type { RunOpened } from './system-entries.ts';

/** Names told of many. */
const namesMax = 3;

const some = (names: readonly string[]): string => {
  const more = names.length - namesMax;
  const first = [...new Set(names)].slice(0, namesMax).join(', ');
  return more > 0 ? `${first} and ${more} more` : first;
};

/** `failover` of groups at one array, as a device run was asked for. */
const verbOf = (request: string): string => {
  const [verb, arrayId, targets] = JSON.parse(request) as [
    string,
    string,
    readonly { readonly id: string }[],
  ];
  return `${verb} of ${some(targets.map(({ id }) => id))} at ${arrayId}`;
};

/** Nothing for runs of plans. */
export const aboutOf = ({
  planId,
  moves,
  request,
}: Pick<RunOpened, 'planId' | 'moves' | 'request'>): { readonly about?: string } => {
  if (planId !== '') return {};
  if (moves === undefined) return { about: verbOf(request) };
  const to = some([...new Set(moves.map(({ toDatastoreId }) => toDatastoreId))]);
  return { about: `storage migration of ${some(moves.map(({ vmId }) => vmId))} to ${to}` };
};
