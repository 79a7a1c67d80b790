/**
 * What befalls a cluster in a test of chaos: members and their database are killed and frozen at
 * random moments, until the test has what it wants. The seed says which strikes there are.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { CallError } from '../../sdk/client/index.ts';
import type { TestDaemon } from '../../sdk/testing/index.ts';
import type { DatabaseLine } from './database-line.ts';
import type { PostgresServer } from './postgres.ts';

/** Mulberry32: small, and the same everywhere. */
const drawsOf = (start: number) => {
  let state = start;
  return (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** Asks members in turn until one answers; what is not said by a member's state is thrown. */
export const ask = async <T>(
  members: readonly TestDaemon[],
  first: number,
  question: (member: TestDaemon) => Promise<T>,
): Promise<T> => {
  for (let n = first; ; n++) {
    try {
      return await question(members[n % members.length] as TestDaemon);
    } catch (error) {
      const passing = ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'ABORTED', 'NOT_FOUND'];
      if (!(error instanceof CallError) || !passing.includes(error.code)) throw error;
      await delay(200);
    }
  }
};

export interface Struck {
  readonly members: readonly TestDaemon[];
  readonly server: PostgresServer;
  /** The member's name and its line to the database, where these may be struck too. */
  readonly lines?: readonly DatabaseLine[];
  readonly names?: readonly string[];
}

const strikesOn = (
  { members, server, lines = [], names = [] }: Struck,
  draw: () => number,
): Record<string, () => Promise<void>> => {
  const one = <T>(list: readonly T[]): T => list[Math.floor(draw() * list.length)] as T;
  /** Of less than a lease, and now and then of several. */
  const lapse = () => delay(1_000 + draw() * (draw() < 0.1 ? 30_000 : 6_000));
  return {
    'a member is killed and started again': async () => {
      const member = one(members);
      await member.kill();
      await member.restart();
    },
    'a member is frozen and wakes': async () => {
      const { pid } = one(members);
      process.kill(pid, 'SIGSTOP');
      await lapse();
      process.kill(pid, 'SIGCONT');
    },
    'the database is killed and started again': async () => {
      await server.kill();
      await delay(draw() * 4_000);
      await server.start();
    },
    'the database is frozen and wakes': async () => {
      server.freeze();
      await delay(1_000 + draw() * 3_000);
      server.thaw();
    },
    ...(lines.length > 0 && {
      'a member is cut off from the database': async () => {
        const line = one(lines);
        line.cut();
        await lapse();
        line.mend();
      },
    }),
    ...(names.length > 0 && {
      'a member leaves in order and comes back': async () => {
        const at = Math.floor(draw() * names.length);
        await ask(members, at + 1, (other) => other.client.cluster.drain(names[at] as string));
        await lapse();
        await members[at]?.kill();
        await members[at]?.restart();
      },
    }),
  };
};

/** Strikes one after the other until `end` is called; that answers how many there were of each. */
export const strikeAt = (
  struck: Struck,
  seed: number,
): { end(): Promise<Readonly<Record<string, number>>> } => {
  const draw = drawsOf(seed);
  const counts: Record<string, number> = {};
  let over = false;
  const striking = (async () => {
    while (!over) {
      await delay(500 + draw() * 3_000);
      const all = Object.entries(strikesOn(struck, draw));
      const [name, strike] = all[Math.floor(draw() * all.length)] as (typeof all)[number];
      counts[name] = (counts[name] ?? 0) + 1;
      await strike();
    }
  })();
  return {
    end: async () => {
      over = true;
      await striking;
      return counts;
    },
  };
};
