/** Claims about listings: pages end, repeat, and say the same whatever their size. */
import type { Device, ListingVerb } from '../../plugin/index.ts';
import { type ClaimDefinition, looking } from '../claim.ts';
import { claim, show } from '../failure.ts';
import { pageItemsMax } from '../limits.ts';
import { storage, verbs } from '../needs.ts';
import { sides, type World } from '../world.ts';

const listings: readonly { readonly verb: ListingVerb; readonly kind: 'array' | 'compute' }[] = [
  { verb: 'discoverArrays', kind: 'array' },
  { verb: 'discoverDevices', kind: 'array' },
  { verb: 'listVms', kind: 'compute' },
  { verb: 'listDatastores', kind: 'compute' },
];

const idOf = (item: unknown): string => {
  const { id, instance } = item as { id: string; instance?: string };
  return instance === undefined ? id : `${id} (${instance})`;
};

const checkListing = async (
  world: World,
  kind: 'array' | 'compute',
  verb: ListingVerb,
): Promise<void> => {
  for (const side of sides) {
    const remote = world.remote(kind, side);
    const whole = (await remote.all(verb, pageItemsMax)).map(idOf);
    claim(new Set(whole).size === whole.length, `${verb} names an id twice: ${show(whole)}`);
    for (const sizeMax of [1, 2]) {
      const paged = (await remote.all(verb, sizeMax)).map(idOf);
      claim(
        show(paged.sort()) === show([...whole].sort()),
        `${verb} by pages of ${sizeMax} names ${show(paged)}, in one page ${show(whole)}`,
      );
    }
  }
};

const checkRepeat = async (
  world: World,
  kind: 'array' | 'compute',
  verb: ListingVerb,
): Promise<void> => {
  const session = await world.remote(kind, 'source').session();
  const first = await session.list(verb, { sizeMax: 1 });
  const again = await session.list(verb, { sizeMax: 1 });
  claim(show(first) === show(again), `${verb} gave two different first pages, unchanged`);
  if (first.next === undefined) return;
  const page = { token: first.next, sizeMax: 1 };
  const next = await session.list(verb, page);
  await session.list(verb, { sizeMax: 1 });
  const nextAgain = await session.list(verb, page);
  claim(show(next) === show(nextAgain), `${verb} gave two different pages for one token`);
};

/** Every device of the fixture is found, with its peer, from both sides. */
const checkPeers = async (world: World): Promise<void> => {
  for (const side of sides) {
    const other = side === 'source' ? 'target' : 'source';
    const found = await world.array(side).all<Device>('discoverDevices', pageItemsMax);
    const byId = new Map(found.map((device) => [device.id, device]));
    for (const group of world.groups) {
      for (const id of group[side].devices) {
        const device = byId.get(id);
        claim(device !== undefined, `discoverDevices at the ${side} does not name ${id}`);
        const { peer, groupId } = device;
        const known =
          peer !== undefined &&
          peer.arrayId === world.array(other).fixture.id &&
          group[other].devices.includes(peer.deviceId);
        claim(known, `discoverDevices names ${show(peer)} as the peer of ${id} at the ${side}`);
        const whole = (groupId ?? id) === group[side].id;
        claim(whole, `discoverDevices puts ${id} into ${groupId}, not into ${group[side].id}`);
      }
    }
  }
};

export const listingClaims: readonly ClaimDefinition[] = [
  ...listings.flatMap(({ verb, kind }) => {
    const needs = [{ fixture: `${kind}s` } as const, { verb }];
    return [
      looking(`listings end: ${verb} → the same items by pages of any size`, needs, (world) =>
        checkListing(world, kind, verb),
      ),
      looking(`listings repeat: ${verb} → the same page for the same token`, needs, (world) =>
        checkRepeat(world, kind, verb),
      ),
    ];
  }),
  looking(
    'discovers: every device of a group → found at both sides with its peer and its group',
    [...storage, ...verbs('discoverDevices')],
    checkPeers,
  ),
];
