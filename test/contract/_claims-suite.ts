/**
 * What claims promise, whatever the journal: one suite, for one daemon over a store of its own and
 * for members over a shared one. Runs are as small as can be; nobody calls a plugin.
 */
import test, { type ExecutionContext } from 'ava';
import { meets, rivalsOf } from '../../daemon/core/claims.ts';
import { begin, fold } from '../../daemon/core/engine/fold.ts';
import type { Group, RunState } from '../../daemon/core/engine/state.ts';
import type { Entry, RunStarted } from '../../daemon/core/entries.ts';
import { decode, encode } from '../../daemon/core/entry-text.ts';
import { rollback } from '../../daemon/core/policy.ts';
import type { RunOpened } from '../../daemon/core/system-entries.ts';
import type { Journal } from '../../daemon/journal/journal.ts';
import { Catalog, catalogMoved } from '../../daemon/runner/catalog.ts';
import { Claimant } from '../../daemon/runner/claimant.ts';
import { EndedRuns } from '../../daemon/runner/ended.ts';
import { Rivals } from '../../daemon/runner/rivals.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { fault } from '../../sdk/plugin/fault.ts';
import { frozenRun, step, workgroup } from '../_support/engine.ts';

/** One daemon, or one member of several. */
interface Member {
  readonly journal: Journal;
  readonly catalog: Catalog;
  readonly states: Map<string, RunState>;
  readonly returning: Set<string>;
}

interface Store {
  /** One: a daemon by itself. Several: members of a cluster. */
  readonly journals: readonly Journal[];
  /** Rounds of each race. */
  readonly rounds: number;
}

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
const open = async (member: Member, vms: readonly (readonly string[])[]): Promise<RunStarted> => {
  const runId = `run-${++runs}`;
  const { catalog, states } = member;
  for (;;) {
    await catalog.refresh();
    const before = await openAt(member);
    const started = startedOf(runId, vms);
    const rivals = rivalsOf(started.frozen, before);
    const judged = { ...started, ...(rivals.length > 0 && { rivals }) };
    const known = new Set(before.map((run) => run.runId));
    const others = () => openIds(catalog).filter((id) => !known.has(id));
    const stream = [{ stream: runId, seq: 1, bodies: [encode(judged)], epoch: 1 }];
    try {
      if (!catalog.isShared) {
        const meanwhile = [...states.values()].filter((one) => !known.has(one.started.runId));
        const named = meanwhile.map(({ started: { runId: id, frozen } }) => ({
          runId: id,
          frozen,
        }));
        if (meets(judged.frozen, named)) throw catalogMoved();
        // From here on others see it, as they do of a daemon's openings.
        states.set(runId, begin(judged));
      }
      await catalog.append([openedOf(judged)], stream, () => others().length === 0);
      states.set(runId, begin(judged));
      return judged;
    } catch (error) {
      states.delete(runId);
      if ((error as { reason?: string }).reason !== 'CATALOG_MOVED') throw error;
    }
  }
};

const openIds = ({ state }: Catalog): string[] =>
  [...state.runs.values()].flatMap(({ opened, closed }) =>
    closed === undefined ? [opened.runId] : [],
  );

const openAt = async ({ catalog, journal, states }: Member) => {
  const ids = new Set([...openIds(catalog), ...(catalog.isShared ? [] : states.keys())]);
  return Promise.all(
    [...ids].map(async (runId) => {
      const known = states.get(runId);
      if (known !== undefined) return { runId, frozen: known.frozen };
      const [first] = await journal.read(runId, 1, 1);
      return { runId, frozen: decode<RunStarted>(first?.body ?? '').frozen };
    }),
  );
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

const promises = new Map<string, Run>();
const promise = (title: string, run: Run): void => {
  promises.set(title, run);
};

/** Declares the suite for one kind of journal. */
export const claimsSuite = (
  name: string,
  prepare: (t: ExecutionContext) => Promise<Store>,
): void => {
  for (const [title, run] of promises) {
    test(`claims ${name}: ${title}`, async (t) => {
      const { journals, rounds } = await prepare(t);
      t.timeout(60 * 60_000);
      const members: Member[] = [];
      for (const journal of journals) {
        const catalog = await Catalog.open(journal);
        members.push({ journal, catalog, states: new Map(), returning: new Set() });
      }
      await run(t, members, rounds);
    });
  }
};

const at = (members: readonly Member[], n: number) => members[n % members.length] as Member;

promise(
  '64 callers open runs of one object at once → one has no rival, each other waits',
  async (t, members, rounds) => {
    for (let round = 0; round < rounds / 10; round++) {
      const callers = Array.from({ length: 64 }, (_, n) => open(at(members, n), [['vm']]));
      const started = await Promise.all(callers);
      const byRivals = [...started].sort(
        (one, other) => (one.rivals?.length ?? 0) - (other.rivals?.length ?? 0),
      );
      const order = byRivals.map(({ runId }) => runId);
      // Each has the claim behind all that were opened before it, and behind nobody else.
      const expected = byRivals.map((_, place) => order.slice(0, place));
      t.deepEqual(
        byRivals.map(({ rivals = [] }) => rivals),
        expected,
      );
      const ends = started.map(({ runId }, n) => close(at(members, n), runId));
      await Promise.all(ends);
      for (const { catalog } of members) await catalog.refresh();
    }
  },
);

promise(
  'claimed → waits; done by a run that has ended → skipped; given up → free',
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
    t.log(`${counts} of ${rounds} counted`);
    t.true(counts > 0 && counts < rounds);
  },
);
