/**
 * Storage migrations, all of them: the engine dies at each of its writes, and each datastore is
 * found as of each earlier moment. Counted, not sampled.
 */
import test from 'ava';
import type { VmItem } from '../../daemon/core/frozen.ts';
import { beginStorageMigration } from '../../daemon/steps/begin-storage-migration.ts';
import { storageMigrationSteps } from '../../daemon/steps/registry.ts';
import type { VmStep } from '../../daemon/steps/step.ts';
import {
  contentOf,
  hasDisk,
  Killed,
  ProtectedSite,
  type Store,
} from './instances/protected-site.ts';
import { type Arrived, chosenBy, newestWrite, tableSays } from './instances/recovery-site.ts';

const moveItem = (from: string, to: string, sequence: number): VmItem => ({
  id: 'vm-1',
  on: [],
  datastoreIds: [from],
  move: {
    migrationId: `m-${sequence}`,
    sequence,
    fromDatastoreId: from,
    toDatastoreId: to,
    disks: ['disk-0'],
    devices: [],
  },
});

const steps = storageMigrationSteps as readonly VmStep[];

/** Runs the steps as the engine does; answers how many it completed before it died. */
const migrate = async (site: ProtectedSite, item: VmItem, from = 0): Promise<number> => {
  let completed = from;
  try {
    for (const step of steps.slice(from)) {
      const [answer] = await step.run(site.call(item));
      if (answer === undefined || 'fault' in answer) throw new Error(JSON.stringify(answer));
      completed++;
    }
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
  }
  return completed;
};

const giveUp = async (site: ProtectedSite, item: VmItem): Promise<void> => {
  const { undo } = beginStorageMigration;
  if (typeof undo !== 'function') throw new Error('it has an undo');
  await undo({ ...site.call(item), before: {} });
};

const committed = 3;

/** Every history: uncut; cut at each write and taken up; cut ahead of the commit and given up. */
const histories = async (): Promise<ProtectedSite[]> => {
  const item = moveItem('A', 'B', 1);
  const uncut = new ProtectedSite(['A', 'B']);
  await migrate(uncut, item);
  const all = [uncut];
  for (let writes = 0; writes < uncut.writes; writes++) {
    for (const then of ['resume', 'undo'] as const) {
      const site = new ProtectedSite(['A', 'B']);
      site.killAfter = writes;
      const completed = await migrate(site, item);
      site.killAfter = Number.POSITIVE_INFINITY;
      site.guestWrites();
      if (then === 'resume') await migrate(site, item, completed);
      else if (completed < committed && site.live === 'A') await giveUp(site, item);
      else continue;
      all.push(site);
    }
  }
  return all;
};

const pairsOf = function* ({ moments }: ProtectedSite): Generator<Arrived> {
  for (const a of moments) for (const b of moments) yield { A: a.A as Store, B: b.B as Store };
};

const count = (into: Map<string, number>, key: string): void => {
  into.set(key, (into.get(key) ?? 0) + 1);
};

test('instances: each write of the engine cut × each moment of A × each moment of B', async (t) => {
  t.timeout(10 * 60_000);
  const cells = new Map<string, number>();
  const ends = new Map<string, number>();
  let cases = 0;
  let wrongByDate = 0;
  const all = await histories();
  for (const site of all) {
    for (const arrived of pairsOf(site)) {
      const { cell, choose } = tableSays(arrived);
      const got = await chosenBy(arrived, 'production');
      cases++;
      count(cells, cell);
      count(ends, String(got));
      if (cell === 'absent × absent') continue;
      if (got !== choose) t.is(got, choose, `${cell} ${JSON.stringify(arrived)}`);
      const store = arrived[got ?? ''];
      const isWhole = got === 'refused' || (store !== undefined && site.seen.has(contentOf(store)));
      if (!isWhole) t.fail(`${cell}: ${got} is not whole: ${JSON.stringify(arrived)}`);
      const present = hasDisk(arrived.A as Store) || hasDisk(arrived.B as Store);
      if (got !== 'refused' && present && newestWrite(arrived) !== got) wrongByDate++;
    }
  }
  t.log(`${all.length} histories, ${cases} cases, ${wrongByDate} of them wrong by date`);
  t.log(Object.fromEntries([...cells].sort()));
  t.log(Object.fromEntries(ends));
  t.true(cases > 10_000);
  t.true(wrongByDate > 0, 'the date of the newest write is no guide');
});

test('instances: a test and a failover → the same choice, of each pair of moments', async (t) => {
  const [uncut] = await histories();
  for (const arrived of pairsOf(uncut as ProtectedSite)) {
    t.is(await chosenBy(arrived, 'test'), await chosenBy(arrived, 'production'));
  }
});

test('instances: a chain A → B → C × each moment of all three → whole, or refused', async (t) => {
  t.timeout(10 * 60_000);
  const site = new ProtectedSite(['A', 'B', 'C']);
  await migrate(site, moveItem('A', 'B', 1));
  await migrate(site, moveItem('B', 'C', 2));
  const distinct = (name: string): Store[] => {
    const stores = site.moments.map((moment) => moment[name] as Store);
    return stores.filter((store, at) => store !== stores[at - 1]);
  };
  const ends = new Map<string, number>();
  let cases = 0;
  for (const A of distinct('A')) {
    for (const B of distinct('B')) {
      for (const C of distinct('C')) {
        const arrived = { A, B, C };
        const got = (await chosenBy(arrived, 'production')) ?? 'nothing';
        cases++;
        count(ends, got);
        if (got === 'refused' || got === 'nothing') continue;
        const store = arrived[got as 'A' | 'B' | 'C'];
        if (!site.seen.has(contentOf(store))) t.fail(`${got}: ${JSON.stringify(arrived)}`);
      }
    }
  }
  t.log(`${cases} cases`, Object.fromEntries(ends));
  t.true(cases > 4_000);
});
