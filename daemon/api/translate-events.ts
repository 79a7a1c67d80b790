/**
 * Journal entries → events: positions become names, compact sets become ids. Pages are shared by
 * all watchers of a run, so each is translated and encoded once, whoever comes first.
 */

import { Mode } from '../../proto/gen/siteswap/v1/common.ts';
import {
  Decision,
  type ItemEvidence,
  type RunEvent,
  RunEventType,
  RunResult,
  TaskDirection,
  WatchRunResponse,
} from '../../proto/gen/siteswap/v1/run.ts';
import type { Evidence } from '../../sdk/plugin/verbs.ts';
import type { Entry, ItemFaults } from '../core/entries.ts';
import { decode } from '../core/entry-text.ts';
import { decodeRanges } from '../core/ranges.ts';
import type { EventPage, RunDescription } from '../runner/service.ts';
import { Encoded } from './calls.ts';
import { namedRunsMax } from './limits.ts';
import { actionTo, faultTo, policiesTo } from './translate-policy.ts';
import { decisions, eventTypes, modes, results, taskDirections } from './vocabulary.ts';

/** Names for positions: a run's steps, workgroups and items. */
type Names = Pick<RunDescription, 'steps' | 'workgroups'>;
type TaskEntry = Extract<Entry, { readonly group: number }>;

const empty: Omit<RunEvent, 'cursor' | 'time' | 'type'> = {
  workgroupId: '',
  step: '',
  direction: TaskDirection.UNSPECIFIED,
  attempt: 0,
  itemsDone: 0,
  itemsCount: 0,
  itemIds: [],
  faults: [],
  action: undefined,
  because: '',
  retryTime: undefined,
  reason: '',
  result: RunResult.UNSPECIFIED,
  byRunId: '',
  siteIds: [],
  requester: '',
  decision: Decision.UNSPECIFIED,
  verb: '',
  evidence: [],
  unknowable: [],
  operations: [],
  policies: {},
  injections: [],
  planId: '',
  mode: Mode.UNSPECIFIED,
  initiatorId: '',
  memberId: '',
  epoch: 0,
  runIds: [],
};

/** What one entry says beyond its type and time, with the names of its workgroup's items. */
const saidBy = (entry: Entry, names: Names): Partial<RunEvent> => {
  if (!('group' in entry)) return saidByRun(entry);
  const group = names.workgroups[entry.group];
  const idOf = (item: number | string): string => group?.itemIds[Number(item)] ?? `#${item}`;
  return {
    workgroupId: group?.id ?? `#${entry.group}`,
    step: names.steps[entry.step] ?? `#${entry.step}`,
    direction: taskDirections.encode(entry.direction),
    attempt: entry.attempt,
    ...saidByTask(entry, idOf),
  };
};

const faultsTo = (faults: readonly ItemFaults[], idOf: (item: number) => string) =>
  faults.map(({ items, fault }) => ({
    itemIds: decodeRanges(items).map(idOf),
    fault: faultTo(fault),
  }));

const evidenceTo = (
  evidence: Readonly<Record<string, Evidence>> | undefined,
  idOf: (item: string) => string,
): ItemEvidence[] =>
  Object.entries(evidence ?? {}).map(([item, facts]) => ({ itemId: idOf(item), facts }));

/** How many positions a compact set holds, without making them: this is asked for every answer. */
const countOf = (ranges: string): number => {
  let count = 0;
  if (ranges === '') return count;
  for (const part of ranges.split(',')) {
    const dash = part.indexOf('-');
    count += dash < 0 ? 1 : Number(part.slice(dash + 1)) - Number(part.slice(0, dash)) + 1;
  }
  return count;
};

const ruleOf = (injection: unknown): string =>
  typeof injection === 'object' && injection !== null && 'rule' in injection
    ? String(injection.rule)
    : '';

const saidByTask = (
  entry: TaskEntry,
  idOf: (item: number | string) => string,
): Partial<RunEvent> => {
  const idsOf = (items = '') => (items === '' ? [] : decodeRanges(items).map(idOf));
  switch (entry.type) {
    case 'task-started': {
      const itemIds = idsOf(entry.items);
      const injections = (entry.injections ?? []).map(ruleOf);
      return { itemIds, itemsCount: itemIds.length, injections };
    }
    case 'task-prepared':
      return { itemsCount: Object.keys(entry.before).length };
    case 'task-accepted':
      return {
        operations: entry.operations.map(({ item, operation }) => ({
          itemId: idOf(item),
          operation,
        })),
      };
    case 'task-outcome':
      return {
        itemsDone: countOf(entry.done),
        faults: faultsTo(entry.faults, idOf),
        evidence: evidenceTo(entry.evidence, idOf),
      };
    case 'task-settled':
      return {
        itemsDone: countOf(entry.done),
        faults: faultsTo(entry.absent, idOf),
        unknowable: entry.unknowable.map(({ items, why }) => ({ itemIds: idsOf(items), why })),
        evidence: evidenceTo(entry.evidence, idOf),
      };
    case 'task-interrupted':
      return { reason: entry.reason };
    case 'task-withdrawn':
      return {};
    case 'policy-applied':
      return {
        itemsCount: countOf(entry.items),
        faults: faultsTo([entry], idOf),
        action: actionTo(entry.action),
        because: entry.because ?? '',
        retryTime: entry.retryAtMs === undefined ? undefined : new Date(entry.retryAtMs),
      };
    case 'claim-waits':
      return {
        runIds: [...entry.runIds],
        reason: entry.parkedIds === undefined ? '' : `parked: ${entry.parkedIds.join(', ')}`,
      };
    case 'done-elsewhere':
    case 'undo-refused': {
      const itemIds = idsOf(entry.items);
      return { itemIds, itemsCount: itemIds.length, byRunId: entry.byRunId };
    }
    case 'call-refused':
      return { siteIds: [entry.siteId], verb: entry.verb };
  }
};

const saidByRun = (entry: Exclude<Entry, TaskEntry>): Partial<RunEvent> => {
  switch (entry.type) {
    case 'run-started':
      return {
        planId: entry.frozen.planId,
        mode: modes.encode(entry.frozen.mode),
        requester: entry.requester,
        initiatorId: entry.initiatorId,
        siteIds: [...entry.lostSites],
      };
    case 'run-cancel-requested':
      return { requester: entry.requester, reason: entry.reason };
    case 'run-parked':
      return { reason: entry.reason };
    case 'run-resumed':
      return {
        requester: entry.requester,
        decision: decisions.encode(entry.decision),
        policies: policiesTo(entry.policies),
      };
    case 'run-site-lost':
    case 'run-site-reachable':
      return { siteIds: [entry.siteId] };
    case 'run-taken-over':
      return { memberId: entry.memberId, epoch: entry.epoch };
    case 'run-ended':
      return { result: results.encode(entry.result), byRunId: entry.byRunId ?? '' };
  }
};

/** The first entry holds the whole frozen run: the description has what is told of it, parsed. */
const startedBy = (run: RunDescription): RunEvent => ({
  ...empty,
  cursor: 1,
  time: new Date(run.startedAtMs),
  type: RunEventType.RUN_STARTED,
  planId: run.planId,
  mode: modes.encode(run.mode),
  requester: run.requester,
  initiatorId: run.initiatorId,
  siteIds: [...run.lostSites],
});

/** One entry, as the outside sees it. */
export const eventOf = (seq: number, entry: Entry, names: Names): RunEvent => ({
  ...empty,
  cursor: seq,
  time: new Date(entry.at),
  type: eventTypes.encode(entry.type),
  ...saidBy(entry, names),
});

/** Pages of events, encoded once each. */
export class EventEncoder {
  readonly #describe: (runId: string) => Promise<RunDescription>;
  readonly #pages = new WeakMap<EventPage, Promise<Encoded>>();
  readonly #named = new Map<string, RunDescription>();

  constructor(describe: (runId: string) => Promise<RunDescription>) {
    this.#describe = describe;
  }

  encode(page: EventPage): Promise<Encoded> {
    const known = this.#pages.get(page);
    if (known) return known;
    const encoded = this.#encode(page);
    this.#pages.set(page, encoded);
    return encoded;
  }

  async #encode(page: EventPage): Promise<Encoded> {
    const run = this.#named.get(page.runId) ?? (await this.#learn(page.runId));
    const parsed = page.events.map(({ seq, body }) =>
      seq === 1 ? undefined : decode<Entry>(body),
    );
    const groups = parsed.map((entry) => (entry && 'group' in entry ? entry.group : 0));
    // A workgroup that is not known was split off since the run was described.
    const names = groups.some((group) => group >= run.workgroups.length)
      ? await this.#learn(page.runId)
      : run;
    const events = page.events.map(({ seq }, index) => {
      const entry = parsed[index];
      return entry ? eventOf(seq, entry, names) : startedBy(names);
    });
    const progress = (page.progress ?? []).map((item) => ({ ...item }));
    const answer = { events, progress, last: page.last };
    return new Encoded(WatchRunResponse.encode(answer).finish());
  }

  async #learn(runId: string): Promise<RunDescription> {
    const run = await this.#describe(runId);
    this.#named.delete(runId);
    const oldest = this.#named.keys().next();
    if (this.#named.size >= namedRunsMax && !oldest.done) this.#named.delete(oldest.value);
    this.#named.set(runId, run);
    return run;
  }
}
