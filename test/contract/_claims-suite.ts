/**
 * What claims promise, whatever the journal: one suite, for one daemon over a store of its own and
 * for members over a shared one. Runs are as small as can be; nobody calls a plugin.
 */
import test, { type ExecutionContext } from 'ava';
import { meets, rivalsOf } from '../../daemon/core/claims.ts';
import { begin, fold } from '../../daemon/core/engine/fold.ts';
import type { Group, RunState } from '../../daemon/core/engine/state.ts';
import type { Entry, RunStarted } from '../../daemon/core/entries.ts';
import { encode } from '../../daemon/core/entry-text.ts';
import { rollback } from '../../daemon/core/policy.ts';
import type { RunOpened } from '../../daemon/core/system-entries.ts';
import type { Journal } from '../../daemon/journal/journal.ts';
import { Catalog, catalogMoved } from '../../daemon/runner/catalog.ts';
import { Claimant } from '../../daemon/runner/claimant.ts';
import { EndedRuns } from '../../daemon/runner/ended.ts';
import { OpenRuns } from '../../daemon/runner/open-runs.ts';
import { Rivals } from '../../daemon/runner/rivals.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { frozenRun, step, workgroup } from '../_support/engine.ts';

/** One daemon, or one member of several. */
interface Member {
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly openRuns: OpenRuns;
  readonly states: Map<string, RunState>;
  readonly returning: Set<string>;
}

interface Store {
  /** One: a daemon by itself. Several: members of a cluster. */
  readonly journals: readonly Journal[];
  /** Rounds of each race between two. */
  readonly rounds: number;
  /** Rounds of the race of many. */
  readonly crowds: number;
}

/** Rounds after which a store is replaced by a new one: it keeps all that was ever opened. */
const roundsPerStore = 100;

const clock = systemClock();
let runs = 0;

const frozenOf = (planId: string, vms: readonly (readonly string[])[]) => ({
  ...frozenRun(
    [step('move')],
    [workgroup('s1', []), ...vms.map((ids, at) => workgroup(`v${at + 1}`, ids))],
  ),
  planId,
});

const startedOf = (runId: string, vms: readonly (readonly string[])[]): RunStarted => ({
  type: 'run-started',
  at: clock.now(),
  runId,
  requester: 'ann',
  requestKey: runId,
  initiatorId: `initiator of ${runId}`,
  frozen: frozenOf(`plan of ${runId}`, vms),
  lostSites: [],
});

const openedOf = ({ runId, at, rivals }: RunStarted): RunOpened => ({
  type: 'run-opened',
  at,
  runId,
  planId: `plan of ${runId}`,
  mode: 'planned',
  requester: 'ann',
  requestKey: runId,
  request: '[]',
  ...(rivals && { rivals }),
});

/** Opens a run as a start does: judged anew as long as others were opened meanwhile. */
const open = (member: Member, vms: readonly (readonly string[])[]): Promise<RunStarted> => {
  const runId = `run-${++runs}`;
  const { catalog, openRuns, states } = member;
  return catalog.judged(async () => {
    const before = await openRuns.all();
    const started = startedOf(runId, vms);
    const rivals = rivalsOf(started.frozen, before);
    const judged = { ...started, ...(rivals.length > 0 && { rivals }) };
    const known = new Set(before.map((run) => run.runId));
    if (!catalog.isShared && meets(judged.frozen, openRuns.since(known))) throw catalogMoved();
    const stream = [{ stream: runId, seq: 1, bodies: [encode(judged)], epoch: 1 }];
    const still = (): boolean => openIds(catalog).every((id) => known.has(id));
    await openRuns.while(judged, async () => {
      await catalog.append([openedOf(judged)], stream, still);
      states.set(runId, begin(judged));
    });
    return judged;
  });
};

const openIds = ({ state }: Catalog): string[] => [...state.openRuns.keys()];

/** One daemon over a journal, as far as it opens runs. */
const memberOf = async (journal: Journal): Promise<Member> => {
  const catalog = await Catalog.open(journal);
  const states = new Map<string, RunState>();
  const agentOf = (runId: string) => {
    const state = states.get(runId);
    return state && { state };
  };
  const openRuns = new OpenRuns({ journal, agentOf, openIds: () => openIds(catalog) });
  return { journal, catalog, openRuns, states, returning: new Set() };
};

const say = async (member: Member, runId: string, ...entries: Entry[]): Promise<void> => {
  const state = member.states.get(runId) as RunState;
  const bodies = entries.map(encode);
  await member.journal.append([{ stream: runId, seq: state.cursor + 1, bodies, epoch: 1 }]);
  for (const entry of entries) fold(state, entry);
};

const did = (group: number, done: string, attempt = 1): Entry[] => {
  const where = { at: clock.now(), group, step: 0, direction: 'run', attempt } as const;
  return [
    { type: 'task-started', ...where },
    { type: 'task-outcome', ...where, done, faults: [] },
  ];
};

const close = async (member: Member, runId: string): Promise<void> => {
  const [at, result] = [clock.now(), 'succeeded'] as const;
  const { cursor } = member.states.get(runId) as RunState;
  const ended = { type: 'run-ended', at, result } as const;
  const alongside = [{ stream: runId, seq: cursor + 1, bodies: [encode(ended)], epoch: 1 }];
  await member.catalog.append([{ type: 'run-closed', at, runId, result }], alongside);
  member.states.delete(runId);
};

const claimantOf = (member: Member, runId: string): Claimant => {
  const { journal, catalog, states, returning } = member;
  const rivals = new Rivals({
    journal,
    clock,
    ended: new EndedRuns(),
    drivenHere: (id) => states.get(id),
  });
  const state = states.get(runId) as RunState;
  return new Claimant({ state, catalog, clock, rivals, returning, wake: () => {} });
};

/** Asks until something is known. */
const known = async <T>(claimant: Claimant, look: () => T | undefined): Promise<T> => {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    claimant.ask();
    await new Promise((resolve) => setImmediate(resolve));
  }
};

/** Others have so many turns of the loop meanwhile. */
const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

type Run = (t: ExecutionContext, members: readonly Member[], rounds: number) => Promise<void>;

interface Promised {
  readonly run: Run;
  /** Rounds in all. */
  readonly rounds: (store: Store) => number;
}

const promises = new Map<string, Promised>();
const promise = (title: string, rounds: Promised['rounds'], run: Run): void => {
  promises.set(title, { run, rounds });
};

/** Declares the suite for one kind of journal; `prepare` is asked for many, each for itself. */
export const claimsSuite = (
  name: string,
  prepare: (t: ExecutionContext) => Promise<Store>,
): void => {
  for (const [title, { run, rounds }] of promises) {
    test(`claims ${name}: ${title}`, async (t) => {
      t.timeout(60 * 60_000);
      for (let done = 0, all = 1; done < all; done += roundsPerStore) {
        const store = await prepare(t);
        all = rounds(store);
        try {
          const members = await Promise.all(store.journals.map(memberOf));
          await run(t, members, Math.min(all - done, roundsPerStore));
        } finally {
          await Promise.all(store.journals.map((journal) => journal.close()));
        }
      }
    });
  }
};

const at = (members: readonly Member[], n: number) => members[n % members.length] as Member;

/** Each has the claim behind all that were opened before it, and behind nobody else. */
const inLine = (started: readonly RunStarted[]): boolean => {
  const order = [...started].sort(
    (one, other) => (one.rivals?.length ?? 0) - (other.rivals?.length ?? 0),
  );
  return order.every(
    ({ rivals = [] }, place) =>
      rivals.length === place && rivals.every((runId, n) => runId === order[n]?.runId),
  );
};

promise(
  '64 callers open runs of one object at once → one has no rival, each other waits',
  ({ crowds }) => crowds,
  async (t, members, rounds) => {
    for (let round = 0; round < rounds; round++) {
      const callers = Array.from({ length: 64 }, (_, n) => open(at(members, n), [['vm']]));
      const started = await Promise.all(callers);
      if (!inLine(started))
        t.fail(JSON.stringify(started.map(({ runId, rivals }) => [runId, rivals])));
      const ends = started.map(({ runId }, n) => close(at(members, n), runId));
      await Promise.all(ends);
      for (const { catalog } of members) await catalog.refresh();
    }
    t.pass();
  },
);

promise(
  'claimed → waits; done by a run that has ended → skipped; given up → free',
  () => 1,
  async (t, members) => {
    const first = await open(at(members, 0), [['x'], ['y']]);
    const later = await open(at(members, 1), [['x'], ['y'], ['z']]);
    const claimant = claimantOf(at(members, 1), later.runId);
    const { groups } = at(members, 1).states.get(later.runId) as RunState;
    const claimOf = (index: number) => known(claimant, () => claimant.of(groups[index] as Group));
    t.deepEqual(await claimOf(1), { kind: 'waits', runIds: [first.runId], parkedIds: [] });
    t.deepEqual(await claimOf(3), { kind: 'free' });
    const where = { at: 1, group: 2, step: 0, direction: 'run', attempt: 1 } as const;
    const no = fault('refused', 'no');
    await say(
      at(members, 0),
      first.runId,
      ...did(1, '0'),
      { type: 'task-started', ...where },
      { type: 'task-outcome', ...where, done: '', faults: [{ items: '0', fault: no }] },
      { type: 'policy-applied', ...where, items: '0', fault: no, action: { action: 'continue' } },
    );
    await close(at(members, 0), first.runId);
    const done = await known(claimant, () => {
      const claim = claimant.of(groups[1] as Group);
      return claim?.kind === 'waits' ? undefined : claim;
    });
    t.deepEqual(done, { kind: 'done', items: [{ byRunId: first.runId, positions: [0] }] });
    t.deepEqual(await claimOf(2), { kind: 'free' });
    claimant.stop();
  },
);

promise(
  'undone and counted as done at the same moment → never both, whoever was first',
  ({ rounds }) => rounds,
  async (t, members, rounds) => {
    let counts = 0;
    for (let round = 0; round < rounds; round++) {
      const [one, other] = [at(members, 0), at(members, 1)];
      const first = await open(one, [['x'], ['y']]);
      const later = await open(other, [['x']]);
      const no = fault('refused', 'no');
      const where = { at: 1, group: 2, step: 0, direction: 'run', attempt: 1 } as const;
      await say(one, first.runId, ...did(1, '0'), { type: 'task-started', ...where });
      const landed = Promise.withResolvers<void>();
      const through = Promise.withResolvers<void>();
      const undoing = async () => {
        const failed = [
          { type: 'task-outcome', ...where, done: '', faults: [{ items: '0', fault: no }] },
          { type: 'policy-applied', ...where, items: '0', fault: no, action: rollback('run') },
        ] as const;
        if (round % 3 === 2) await through.promise;
        else await turns((7 * round) % 12);
        await say(one, first.runId, ...failed);
        landed.resolve();
        const claimant = claimantOf(one, first.runId);
        const group = (one.states.get(first.runId) as RunState).groups[1] as Group;
        const counted = await known(claimant, () => claimant.counted(group));
        claimant.stop();
        return counted;
      };
      const counting = async () => {
        if (round % 3 === 1) await landed.promise;
        else await turns((5 * round) % 40);
        const claimant = claimantOf(other, later.runId);
        const group = (other.states.get(later.runId) as RunState).groups[1] as Group;
        const claim = await known(claimant, () => claimant.of(group));
        claimant.stop();
        through.resolve();
        return claim;
      };
      const [counted, claim] = await Promise.all([undoing(), counting()]);
      t.is(counted.size > 0, claim.kind === 'done', `round ${round}`);
      if (claim.kind === 'done') counts++;
      await close(other, later.runId);
      await close(one, first.runId);
      for (const { catalog, returning } of members) {
        await catalog.refresh();
        returning.clear();
      }
    }
    t.true(counts > 0 && counts < rounds);
  },
);
