/** Claims about revisions of listings: `unchanged` is believed, so it has to be true. */
import type { ListingVerb } from '../../plugin/index.ts';
import { type ClaimDefinition, looking, touching } from '../claim.ts';
import { claim, show } from '../failure.ts';
import { pageItemsMax } from '../limits.ts';
import { compute, storage, verbs } from '../needs.ts';
import type { Remote } from '../remote.ts';
import { sides, type World } from '../world.ts';

const first = async (remote: Remote, verb: ListingVerb, since?: string) => {
  const page = { sizeMax: pageItemsMax, ...(since === undefined ? {} : { since }) };
  return (await remote.session()).list(verb, page);
};

const checkUnknown = async (
  world: World,
  kind: 'array' | 'compute',
  verb: ListingVerb,
): Promise<void> => {
  const remote = world.remote(kind, 'source');
  const { unchanged } = await first(remote, verb, 'a revision that nobody ever gave');
  claim(unchanged !== true, `${verb} calls the list unchanged since a revision that never was`);
};

/** What a side's list held at a revision, against what it holds after the work. */
const checkAfter = async (
  world: World,
  kind: 'array' | 'compute',
  verb: ListingVerb,
  work: () => Promise<void>,
): Promise<void> => {
  const before = [];
  for (const side of sides) {
    const remote = world.remote(kind, side);
    const { revision } = await first(remote, verb);
    before.push({ remote, revision, items: await remote.all(verb, pageItemsMax) });
  }
  await work();
  for (const { remote, revision, items } of before) {
    if (revision === undefined) continue;
    const { unchanged } = await first(remote, verb, revision);
    if (unchanged !== true) continue;
    const now = await remote.all(verb, pageItemsMax);
    claim(
      JSON.stringify(now) === JSON.stringify(items),
      `${verb} of ${remote.fixture.id} is called unchanged; it was ${show(items)}, and is ` +
        show(now),
    );
  }
};

const listings: readonly (readonly ['array' | 'compute', ListingVerb])[] = [
  ['array', 'discoverArrays'],
  ['array', 'discoverDevices'],
  ['compute', 'listVms'],
  ['compute', 'listDatastores'],
];

export const revisionClaims: readonly ClaimDefinition[] = [
  ...listings.map(([kind, verb]) =>
    looking(
      `revisions: ${verb} since a revision that never was → the list`,
      [{ fixture: `${kind}s` }, { verb }],
      (world) => checkUnknown(world, kind, verb),
    ),
  ),
  touching(
    'revisions: discoverDevices after a failover → not called unchanged, where it changed',
    [...storage, ...verbs('discoverDevices', 'prepareFailover', 'failover')],
    async (world) => {
      await world.bare();
      await checkAfter(world, 'array', 'discoverDevices', () => world.failOver(world.groups));
    },
  ),
  touching(
    'revisions: listVms after a VM was powered on → not called unchanged, where it changed',
    [...compute, ...verbs('listVms', 'powerOn')],
    async (world) => {
      await world.bring('source', 'registered');
      await checkAfter(world, 'compute', 'listVms', () => world.bring('source', 'running'));
    },
  ),
  touching(
    'revisions: listDatastores after an unmount → not called unchanged, where it changed',
    compute,
    async (world) => {
      await world.bring('source', 'mounted');
      await checkAfter(world, 'compute', 'listDatastores', () => world.bring('source', 'bare'));
    },
  ),
];
