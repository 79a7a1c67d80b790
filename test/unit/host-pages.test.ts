/** What the host makes of pages of listings: believed whole or not, by shape or a quicker way. */
import test from 'ava';
import { checkPage } from '../../daemon/host/answers.ts';
import { packPlain } from '../../daemon/host/packed.ts';
import { plainDatastore, plainDevice, plainVm } from '../../daemon/host/plain.ts';
import { itemShapes } from '../../daemon/host/shapes.ts';

test('pages: believed whole or not, and never larger than asked', (t) => {
  const vm = { id: 'v', name: 'v', datastoreIds: [], power: 'on', instance: 'production' };
  const check = (raw: unknown, sizeMax: number) => checkPage('listVms', raw, { sizeMax });
  t.deepEqual(check({ items: [{ ...vm, extra: () => 1 }], next: 'n' }, 10), {
    items: [vm],
    next: 'n',
  });
  t.regex(String(check({ items: [vm, vm] }, 1)), /2 items where 1 were asked/);
  t.regex(String(check({ items: [vm, { id: 'w' }] }, 9)), /item 1 wrong: name/);
  t.regex(String(check([], 9)), /a page without a list/);
  t.regex(String(check({ items: [], next: 5 }, 9)), /malformed next/);
});

test('pages: a revision is for the first one, and unchanged for whoever asked', (t) => {
  const check = (raw: object, page: object = {}) =>
    checkPage('listVms', { items: [], ...raw }, { sizeMax: 9, ...page });
  t.deepEqual(check({ revision: 'r' }), { items: [], revision: 'r' });
  t.deepEqual(check({ revision: 'r' }, { token: 'later' }), { items: [] });
  t.deepEqual(check({ unchanged: true, revision: 'r' }, { since: 'r' }), {
    items: [],
    unchanged: true,
  });
  t.regex(String(check({ unchanged: true })), /unchanged, which it was not asked/);
  t.regex(String(check({ unchanged: 1 }, { since: 'r' })), /unchanged, which/);
  t.regex(String(check({ unchanged: true, next: 'n' }, { since: 'r' })), /unchanged, and items/);
  t.regex(String(check({ revision: 7 })), /malformed revision/);
  t.regex(String(check({ revision: 'r'.repeat(1_001) })), /oversized revision/);
});

/** One of everything that an item may hold. */
const wholeDevice = {
  id: 'd',
  name: '',
  sizeBytes: 1,
  direction: 'outgoing',
  access: 'read-write',
  pairState: 'synchronized',
  peer: { arrayId: 'b', deviceId: 'e' },
  groupId: 'g',
  updateMode: 'asynchronous',
  lastRecoveryPoint: { id: 'p', atMs: 5, by: 'b' },
  hostIdentity: '',
  lineage: '',
  stretched: true,
  preferredSiteId: 's',
  rpoMs: 0,
  divergedBytes: 0.5,
};

test('pages: devices, VMs and datastores are judged as by their shapes', (t) => {
  const vm = { id: 'v', name: 'v', datastoreIds: ['d'], power: 'on', instance: 'test' };
  const datastore = {
    id: 'd',
    name: 'd',
    devices: [{ arrayId: 'a', deviceId: 'e' }],
    mounted: true,
    instance: 'production',
  };
  const all = [
    ['discoverDevices', wholeDevice, plainDevice],
    ['listVms', vm, plainVm],
    ['listDatastores', datastore, plainDatastore],
  ] as const;
  const odd = [undefined, null, '', 'x', 0, -1, Number.NaN, true, [], [''], {}, [{}], ['x']];
  for (const [verb, whole, plain] of all) {
    t.deepEqual(plain({ ...whole, extra: 1 }), whole as never);
    for (const name of Object.keys(whole)) {
      const { [name as never]: _, ...less } = whole;
      for (const item of [less, ...odd.map((value) => ({ ...whole, [name]: value }))]) {
        const read = itemShapes[verb].safeParse(item);
        const clean = plain(item);
        if (plain === plainDevice) t.is(packPlain([item], 1) !== undefined, clean !== undefined);
        if (clean !== undefined) t.deepEqual(read.data, clean, `${verb} ${name}`);
        if (name in item && item[name as never] === undefined) continue;
        t.is(clean !== undefined, read.success, `${verb} ${JSON.stringify(item)}`);
      }
    }
  }
});
