/** Discovery that tells the truth: what changes is told, what is old is unknown. */
import test from 'ava';
import { CallError } from '../../sdk/client/index.ts';
import { failure, serve } from '../_support/api.ts';

test('recorded long ago: role and access are not told, the pair is unknown, the rest is', async (t) => {
  const { client, engine } = await serve(t);
  engine.recordedAtMs = 1;
  const arrayIds = ['east-array'];
  for await (const { devices } of client.inventory.discoverDevices({ arrayIds, recorded: true })) {
    for (const device of devices) {
      t.like(device, {
        stale: true,
        direction: 'DIRECTION_UNSPECIFIED',
        access: 'ACCESS_UNSPECIFIED',
        pairState: 'PAIR_STATE_UNKNOWN',
        groupId: 'cg-1',
      });
    }
  }
  for await (const { devices } of client.inventory.discoverDevices({ arrayIds })) {
    t.true(devices.every(({ stale, pairState }) => !stale && pairState.endsWith('SYNCHRONIZED')));
  }
});

test('watch: a whole picture, then what is new, what has changed and what is gone', async (t) => {
  const { client, engine } = await serve(t);
  const watch = client.inventory.watchDevices({ arrayIds: ['east-array'], intervalMs: 1_000 });
  const next = async () => (await watch.next()).value;
  const first = await next();
  t.like(first, { arrayId: 'east-array', snapshot: true, goneIds: [] });
  t.is(first?.devices.length, 3);
  engine.devicesPerArray = 4;
  const more = await next();
  t.false(more?.snapshot);
  t.deepEqual(
    more?.devices.map(({ id }) => id),
    ['dev-3'],
  );
  engine.devicesPerArray = 2;
  t.deepEqual((await next())?.goneIds, ['dev-2', 'dev-3']);
  await watch.return();
});

test('watch: an array that cannot be asked is a problem, told once, and its devices grow stale', async (t) => {
  const { client, engine } = await serve(t);
  engine.recordedAtMs = 1;
  const watch = client.inventory.watchDevices({ arrayIds: ['west-array'], intervalMs: 1_000 });
  t.like((await watch.next()).value, { problem: { remoteId: 'west-array' }, devices: [] });
  const told = (await watch.next()).value;
  t.true((told?.devices.length ?? 0) > 0);
  t.true(told?.devices.every(({ stale }) => stale));
  await watch.return();
});

test('watch: out of bounds → refused; more than 32 at once → refused by name', async (t) => {
  const { client } = await serve(t);
  const hasty = client.inventory.watchDevices({ intervalMs: 10 });
  t.is((await failure(t, hasty.next(), CallError)).reason, 'INVALID_REQUEST');
  const open = Array.from({ length: 32 }, () => client.inventory.watchDevices());
  await Promise.all(open.map((watch) => watch.next()));
  const refused = await failure(t, client.inventory.watchDevices().next(), CallError);
  t.is(refused.reason, 'TOO_MANY_WATCHERS');
  await Promise.all(open.map((watch) => watch.return()));
});
