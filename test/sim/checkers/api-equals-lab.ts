/** What the API reports of a run that has ended is what the far end knows. */
import type { Mode } from '../../../daemon/core/plan.ts';
import type { ItemReport } from '../../../daemon/core/view.ts';
import { siteIsBack } from '../troubles.ts';
import type { Checker, Scene } from './checker.ts';
import { devicesOf, placeOf } from './places.ts';
import { type Item, isStorage, type Run, Runs } from './runs.ts';

/** How the words begin for where an item that is done must stand. Absent: it may stand anywhere. */
interface Expected {
  readonly protected?: string | readonly string[];
  readonly recovery?: string | readonly string[];
  readonly test?: string;
}

const expectedOf: Readonly<Record<Mode, { readonly storage: Expected; readonly vm: Expected }>> = {
  planned: {
    storage: { protected: 'handed-over, unmounted', recovery: 'promoted, mounted' },
    vm: { protected: 'off', recovery: 'on' },
  },
  disaster: {
    // What a reprotect that was overtaken had turned round already needs no promote.
    storage: { recovery: ['promoted, mounted', 'source, mounted'] },
    vm: { recovery: 'on' },
  },
  test: { storage: { test: 'copy, mounted' }, vm: { test: 'on' } },
  cleanup: { storage: { test: 'no copy, unmounted' }, vm: { test: 'unregistered' } },
  fence: {
    storage: {
      // Where a planned run was overtaken, its source was demoted already; where it was a failback
      // that lost its target, that target is a replica still, or was promoted just before.
      protected: ['source', 'prepared', 'handed-over', 'replica', 'promoted'].map(
        (role) => `${role}, unmounted`,
      ),
    },
    vm: { protected: ['off', 'unregistered'] },
  },
  reprotect: {
    storage: { protected: 'replica', recovery: 'source' },
    vm: {},
  },
};

/** What is other where both sites serve the storage; until they lose each other, that is. */
const stretchedOf = (siteId: string): typeof expectedOf => ({
  ...expectedOf,
  planned: { ...expectedOf.planned, storage: { recovery: `prefers ${siteId}, mounted` } },
  disaster: { ...expectedOf.disaster, storage: { recovery: `prefers ${siteId}, mounted` } },
  // What was fenced before is proven by whoever tries to write there.
  fence: { ...expectedOf.fence, storage: {} },
  reprotect: { ...expectedOf.reprotect, storage: { recovery: `prefers ${siteId}` } },
});

const live: Expected = { protected: 'unregistered', recovery: 'on' };

const expectedFor = (run: Run, item: Item, mode: Mode): Expected => {
  const path = run.pathOf(item.id);
  if (path === 'live') return live;
  if (isStorage(item) ? item.neverPromoted === true : item.leftOn === true) return {};
  if (!isStorage(item) && item.leftOff === true) return { protected: 'off', recovery: 'off' };
  const table = path === 'cold' ? expectedOf : stretchedOf(run.started.frozen.recoverySiteId);
  return table[mode][isStorage(item) ? 'storage' : 'vm'];
};

const compare = (scene: Scene, run: Run, item: Item, lost: boolean): string | undefined => {
  const { mode, protectedSiteId, recoverySiteId } = run.started.frozen;
  if (mode === 'device') return undefined;
  const expected = expectedFor(run, item, mode);
  const here = placeOf(scene.lab, protectedSiteId, item, devicesOf(item, 'protected'));
  const there = placeOf(scene.lab, recoverySiteId, item, devicesOf(item, 'recovery'));
  const pairs: readonly (readonly [Expected['protected'], string])[] = [
    // What is left at a lost site is nobody's to take away.
    [lost && protectedSiteId === 'site-a' ? undefined : expected.protected, here.production],
    [expected.recovery, there.production],
    [expected.test, there.test],
  ];
  const odd = pairs.find(
    ([wanted, found]) => wanted !== undefined && ![wanted].flat().some((w) => found.startsWith(w)),
  );
  return odd && `${item.id} is reported done in ${mode} mode, and is ${odd[1]}, not ${odd[0]}`;
};

const done = (items: readonly ItemReport[]): ReadonlySet<string> =>
  new Set(items.filter(({ outcome }) => outcome === 'done').map(({ itemId }) => itemId));

export const apiEqualsLab: Checker = (scene) => {
  const runs = new Runs();
  let newest = '';
  let siteGone = false;
  /** Runs that ended without the site: it may be back when somebody hears of their end. */
  const withoutSite = new Set<string>();
  return (moment) => {
    runs.see(moment);
    if (moment.kind === 'landed' && moment.entry.type === 'run-ended' && siteGone)
      withoutSite.add(moment.stream);
    if (moment.kind === 'landed' && moment.entry.type === 'run-started') newest = moment.stream;
    if (moment.kind === 'world' && moment.what.includes('lose-site')) siteGone = true;
    if (moment.kind === 'world' && moment.what === siteIsBack) siteGone = false;
    if (moment.kind !== 'rest' || moment.view.status !== 'ended') return undefined;
    const run = runs.of(moment.runId);
    // What was done at a site that was lost since is not there any more.
    const gone = siteGone && run?.started.frozen.recoverySiteId === 'site-a';
    // Where a run left things is not how they stand once another has begun.
    if (run === undefined || gone || run.started.runId !== newest) return undefined;
    const told = done(moment.report.items);
    for (const item of run.items) {
      const isLost = siteGone || withoutSite.has(moment.runId);
      const odd = told.has(item.id) ? compare(scene, run, item, isLost) : undefined;
      if (odd !== undefined) return odd;
    }
    return undefined;
  };
};
