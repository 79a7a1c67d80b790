/** Devices as bytes: what the contract's own code would have written, and objects again. */
import test from 'ava';
import fc from 'fast-check';
import { deviceTo } from '../../daemon/api/translate-inventory.ts';
import { joinPacked, packDevices, portionsOf } from '../../daemon/host/packed.ts';
import { unpackDevices } from '../../daemon/host/unpacked.ts';
import { ArrayEvidence, DeviceList, heardAt } from '../../daemon/runner/devices.ts';
import { sameFacts } from '../../daemon/runner/facts.ts';
import { DiscoverDevicesResponse } from '../../proto/gen/siteswap/v1/inventory.ts';
import { type Device, pairStates } from '../../sdk/plugin/model.ts';
import { holds } from '../_support/property.ts';

/** Lengths around those at which a record's length takes another byte. */
const lengths = [1, 63, 64, 65, 126, 127, 128];
const text = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
  fc.constantFrom(...lengths.flatMap((length) => ['x'.repeat(length), 'é'.repeat(length)])),
);
const id = text;
const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER });

const device = fc.record(
  {
    id,
    name: fc.string({ unit: 'binary' }),
    sizeBytes: whole,
    direction: fc.constantFrom('outgoing', 'incoming', 'stretched', 'none'),
    access: fc.constantFrom('read-write', 'read-only'),
    pairState: fc.constantFrom(...pairStates),
    peer: fc.record({ arrayId: id, deviceId: id }),
    groupId: text,
    updateMode: fc.constantFrom('active', 'synchronous', 'asynchronous', 'adaptive'),
    lastRecoveryPoint: fc.record({ id: text, atMs: fc.nat({ max: 4e12 }), by: text }),
    hostIdentity: text,
    lineage: text,
    stretched: fc.constant(true),
    preferredSiteId: text,
    rpoMs: whole,
    divergedBytes: whole,
  },
  { requiredKeys: ['id', 'name', 'sizeBytes', 'direction', 'access', 'pairState'] },
) as fc.Arbitrary<Device>;

const devices = fc.array(device, { maxLength: 20 });

const one: Device = {
  id: 'd',
  name: '',
  sizeBytes: 0,
  direction: 'none',
  access: 'read-only',
  pairState: 'inactive',
};

/** Records whose length takes two, three and four bytes. */
const long = [8_000, 20_000, 1_100_000].map((length) => [{ ...one, id: 'é'.repeat(length) }]);

test('packed: any devices → byte for byte what the contract encodes', (t) => {
  holds(
    t,
    devices,
    (given) => {
      for (const [at, portion] of portionsOf(packDevices(given, 7)).entries()) {
        const some = given.slice(at * 7, at * 7 + 7).map((one) => deviceTo(one, false));
        const told = DiscoverDevicesResponse.encode(
          DiscoverDevicesResponse.fromPartial({ devices: some }),
        ).finish();
        t.is(Buffer.compare(portion, told), 0);
      }
    },
    { examples: long },
  );
});

test('packed: several joined → as if they had been packed at once', (t) => {
  const given = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ ...one, id }));
  const parts = [given.slice(0, 2), [], given.slice(2)].map((some) => packDevices(some, 2));
  const joined = joinPacked(parts);
  t.deepEqual(portionsOf(joined).flatMap(unpackDevices), given);
  t.deepEqual(
    portionsOf(joined).map((portion) => unpackDevices(portion).length),
    [2, 2, 1],
  );
});

test('packed: any devices → the same devices again, in their order', (t) => {
  holds(
    t,
    devices,
    (given) => {
      t.deepEqual(portionsOf(packDevices(given, 7)).flatMap(unpackDevices), given);
    },
    { examples: long },
  );
});

const listOf = (given: readonly Device[], earlier?: DeviceList) =>
  new DeviceList(portionsOf(packDevices(given, 2)), earlier);

test('device list (portions=3): only what changed is another portion, and other objects', (t) => {
  const given = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ ...one, id }));
  const before = listOf(given);
  t.deepEqual(before.devices, given);
  const after = listOf(
    given.map((device) => (device.id === 'c' ? { ...device, sizeBytes: 5 } : device)),
    before,
  );
  t.deepEqual(
    after.portions.map((portion, at) => portion === before.portions[at]),
    [true, false, true],
  );
  t.is(after.devices[0], before.devices[0]);
  t.is(after.devices[2]?.sizeBytes, 5);
  t.false(after.equals(before));
  t.true(listOf(given).equals(before));
  t.false(listOf(given.slice(1)).equals(before));
});

test('array evidence: journaled, compared and heard again as if it held objects', (t) => {
  const remote = { id: 'a', kind: 'array', siteId: 's', pluginId: 'p' } as const;
  const head = { remote, observedAtMs: 5, arrays: [] };
  const plain = { ...head, devices: [one], vms: [], datastores: [] };
  const packed = new ArrayEvidence(head, listOf([one]));
  t.deepEqual(JSON.parse(JSON.stringify(packed)), plain);
  t.true(sameFacts(packed, plain));
  t.true(sameFacts(packed, new ArrayEvidence(head, listOf([one]))));
  t.false(sameFacts(packed, new ArrayEvidence(head, listOf([one, one]))));
  t.is(heardAt(packed, 9).observedAtMs, 9);
  t.deepEqual(heardAt(packed, 9).devices, [one]);
});

test('array evidence: few devices changed of a short list → only they are journaled', (t) => {
  const remote = { id: 'a', kind: 'array', siteId: 's', pluginId: 'p' } as const;
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  const heard = (changed: readonly string[], earlier?: ArrayEvidence) => {
    const sizeBytes = (id: string) => (changed.includes(id) ? 5 : one.sizeBytes);
    const given = ids.map((id) => ({ ...one, id, sizeBytes: sizeBytes(id) }));
    const portions = portionsOf(packDevices(given, 500));
    const list = new DeviceList(portions, earlier?.list);
    return new ArrayEvidence({ remote, observedAtMs: 5, arrays: [] }, list);
  };
  const before = heard([]);
  const few = heard(['c', 'd'], before).since(before);
  t.deepEqual(
    few?.devices.map(({ id }) => id),
    ['c', 'd'],
  );
  t.is(heard(['c', 'd', 'e'], before).since(before), undefined, 'a third is as well said whole');
});
