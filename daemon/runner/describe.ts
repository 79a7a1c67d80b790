/** A run as its stream tells it, for those who drive it and for those who only tell of it. */
import { fold, foldAll } from '../core/engine/fold.ts';
import type { RunState } from '../core/engine/state.ts';
import type { Entry } from '../core/entries.ts';
import { decode } from '../core/entry-text.ts';
import type { Journal } from '../journal/journal.ts';
import type { RunDescription } from './service.ts';
import { pagesOf } from './streams.ts';

/** Undefined: the run has no entries. Throws RUN_EXPIRED when it is forgotten meanwhile. */
export const foldRun = async (journal: Journal, runId: string): Promise<RunState | undefined> => {
  let state: RunState | undefined;
  for await (const page of pagesOf(journal, runId)) {
    for (const { body } of page) {
      const entry = decode<Entry>(body);
      if (state === undefined) state = foldAll([entry]);
      else fold(state, entry);
    }
  }
  return state;
};

export const descriptionOf = ({ started, frozen, groups }: RunState): RunDescription => {
  const itemsOf = frozen.workgroups.map(({ items }) => items.map(({ id }) => id));
  return {
    runId: started.runId,
    planId: frozen.planId,
    mode: frozen.mode,
    requester: started.requester,
    initiatorId: started.initiatorId,
    startedAtMs: started.at,
    lostSites: started.lostSites,
    steps: frozen.steps.map(({ name }) => name),
    workgroups: groups.map(({ id, origin }) => ({ id, itemIds: itemsOf[origin] ?? [] })),
  };
};
