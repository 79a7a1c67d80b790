/** Devices on their way out of a thread: as bytes, some pages to a job, never with a secret. */
import test from 'ava';
import { portionsOf } from '../../daemon/host/packed.ts';
import { unpackDevices } from '../../daemon/host/unpacked.ts';
import { createInlinePool } from '../../daemon/workers/inline.ts';
import type { ListingJob, ListingResult, RemoteConfig } from '../../daemon/workers/pool.ts';
import { contractVersion, definePlugin, secret, z } from '../../sdk/plugin/index.ts';
import type { Device, PageRequest } from '../../sdk/plugin/model.ts';
import { ManualClock } from '../_support/manual-clock.ts';

const remote: RemoteConfig = {
  id: 'a',
  kind: 'array',
  siteId: 's',
  pluginId: 'p',
  module: 'm',
  config: { token: 'hunter2!' },
};

const device = (id: string, more: object = {}): Device => ({
  id,
  name: id,
  sizeBytes: 1,
  direction: 'none',
  access: 'read-write',
  pairState: 'inactive',
  ...more,
});

type Answer = (page: PageRequest) => object;

/** A pool over one array that answers each page by `answer`; and how often it was asked. */
const poolOver = (answer: Answer, clock = new ManualClock()) => {
  const asked: PageRequest[] = [];
  const plugin = definePlugin({
    name: 'p',
    version: '1',
    contract: contractVersion,
    config: z.object({ token: secret() }),
    open: () => ({}),
    verbs: {
      discoverDevices: ({ page }) => {
        asked.push(page);
        return answer(page) as never;
      },
    },
  });
  const plugins = new Map([['p', plugin]]);
  return { pool: createInlinePool({ remotes: [remote], plugins, clock }), asked };
};

const job: ListingJob = {
  kind: 'listing',
  remoteId: 'a',
  verb: 'discoverDevices',
  page: { sizeMax: 2 },
  timeoutMs: 1_000,
  packedBy: 2,
};

const devicesOf = ({ packed, items }: ListingResult): readonly Device[] => {
  if (packed === undefined) throw new Error(`${items.length} items, and no bytes`);
  return portionsOf(packed).flatMap(unpackDevices);
};

/** Pages of two, and one device on the last: three pages in all. */
const threePages: Answer = ({ token }) =>
  token === 'third'
    ? { items: [device('5')] }
    : token === 'second'
      ? { items: [device('3'), device('4')], next: 'third' }
      : { items: [device('1'), device('2')], next: 'second', revision: 'r' };

const idsOf = (result: ListingResult) => devicesOf(result).map(({ id }) => id);

test('a job that runs on (pages=3) brings them all; one that does not brings its own', async (t) => {
  const { pool, asked } = poolOver(threePages);
  const all = (await pool.run({ ...job, runsOn: true })) as ListingResult;
  t.deepEqual(idsOf(all), ['1', '2', '3', '4', '5']);
  t.is(all.revision, 'r');
  t.false('next' in all);
  t.is(asked.length, 3);
  const own = (await pool.run(job)) as ListingResult;
  t.deepEqual([idsOf(own), own.next], [['1', '2'], 'second']);
});

test('pages that take their time are brought one by one', async (t) => {
  const clock = new ManualClock();
  const slow: Answer = (page) => {
    clock.advance(5);
    return threePages(page);
  };
  const { pool } = poolOver(slow, clock);
  const first = (await pool.run({ ...job, runsOn: true })) as ListingResult;
  t.deepEqual([idsOf(first), first.next], [['1', '2'], 'second']);
});

test('a page that is wrong fails who asks for it, and not who ran on to it', async (t) => {
  const { pool } = poolOver((page) =>
    page.token === 'third' ? { items: [{ id: 'x' }] } : threePages(page),
  );
  const some = (await pool.run({ ...job, runsOn: true })) as ListingResult;
  t.deepEqual([idsOf(some), some.next], [['1', '2', '3', '4'], 'third']);
  const page = { token: 'third', sizeMax: 2 };
  const wrong = await pool.run({ ...job, page, runsOn: true });
  t.like(wrong, { kind: 'fault', fault: { owner: 'plugin' } });
});

test('a secret in a device → it is taken out; fields that are not ours are left out', async (t) => {
  const items = [device('1', { name: 'at hunter2!' }), device('2', { extra: 'hunter2!' })];
  const { pool } = poolOver(() => ({ items }));
  const found = devicesOf((await pool.run(job)) as ListingResult);
  t.deepEqual(found, [device('1', { name: 'at [secret]' }), device('2')]);
});
