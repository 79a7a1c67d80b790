/** How many members there are, and what goes wrong between them and with their database. */
import type { Chance } from '../chance.ts';
import type { MemberEffect, Trigger, Trouble } from '../scenario-faults.ts';

export interface MembersOrder {
  readonly count: number;
  /** Share of ways to or from the database on which the connection is lost. */
  readonly lostRate: number;
  readonly latencyMsMax: number;
  /** The database's primary goes with site-a, and its standby is promoted after so long; 0: not. */
  readonly promoteMs: number;
  readonly troubles: readonly Trouble[];
}

const steps = ['sync', 'shut-down', 'final-sync', 'demote-source', 'promote-target', 'power-on'];

const entries = ['run-opened', 'run-started', 'task-started', 'task-outcome', 'run-taken-over'];

const drawTrigger = (chance: Chance): Trigger => {
  if (chance.hit(0.3)) return { kind: 'landed', nth: chance.spread(1, 150) };
  if (chance.hit(0.4))
    return { kind: 'landed', of: chance.pick(entries), nth: chance.spread(1, 8) };
  // Between the look at the deadline and the call.
  if (chance.hit(0.6)) return { kind: 'job', of: chance.pick(steps), nth: chance.spread(1, 8) };
  return { kind: 'call', nth: chance.spread(1, 150) };
};

/** Of less than a lease, of about one, and of many. */
const drawForMs = (chance: Chance): number => chance.spread(500, 40_000);

const drawEffect = (chance: Chance): MemberEffect | { readonly do: 'crash' } => {
  const forMs = drawForMs(chance);
  const what = chance.pick(['freeze', 'freeze', 'cut-off', 'database-away', 'drain', 'crash']);
  return what === 'crash' ? { do: 'crash' } : { do: what as MemberEffect['do'], forMs };
};

/** Members only leave, in order, while entries are on their way for long. */
const drawLeave = (chance: Chance): Omit<MembersOrder, 'count' | 'promoteMs'> => ({
  lostRate: 0,
  latencyMsMax: chance.pick([80, 400, 1_000]),
  troubles: Array.from({ length: chance.between(1, 3) }, () => ({
    on: { kind: 'landed' as const, of: 'task-outcome', nth: chance.spread(1, 60) },
    effect: { do: 'drain' as const, forMs: drawForMs(chance) },
  })),
});

export const drawMembers = (chance: Chance, count: number, calm: boolean): MembersOrder => {
  const troubles = Array.from({ length: chance.between(1, 5) }, () => ({
    on: drawTrigger(chance),
    effect: drawEffect(chance),
  }));
  const order = {
    count,
    lostRate: calm || chance.hit(0.5) ? 0 : chance.fraction() * 0.03,
    latencyMsMax: chance.pick([2, 10, 80]),
    troubles: calm ? [] : troubles,
  };
  const drawn = !calm && chance.hit(0.2) ? { ...order, ...drawLeave(chance) } : order;
  return { ...drawn, promoteMs: chance.hit(0.5) ? chance.spread(1_000, 30_000) : 0 };
};
