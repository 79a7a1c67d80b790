/** What a remote answered while a device was turned round says nothing of its source any more. */
import test from 'ava';
import type { RemoteEvidence } from '../../daemon/core/inventory.ts';
import { presentationsOf } from '../../daemon/core/presentation.ts';
import { sourceOf } from '../../daemon/core/sources.ts';
import { packDevices, portionsOf } from '../../daemon/host/packed.ts';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { Catalog } from '../../daemon/runner/catalog.ts';
import { ArrayEvidence, DeviceList } from '../../daemon/runner/devices.ts';
import type { Lists } from '../../daemon/runner/lists.ts';
import { Recorder } from '../../daemon/runner/recorder.ts';

const presentations = presentationsOf([
  { id: 'a', siteId: 'site-a', present: { as: 'shared-as-stretched', peerArrayId: 'b' } },
  { id: 'b', siteId: 'site-b' },
]);

/** Array `a` shows one shared device, whose preferred site is this one. */
const shown = (preferredSiteId: string, observedAtMs: number): RemoteEvidence => ({
  remote: { id: 'a', kind: 'array', siteId: 'site-a', pluginId: 'lab' },
  observedAtMs,
  arrays: [],
  devices: [
    {
      id: 'd',
      name: 'd',
      sizeBytes: 1,
      direction: 'stretched',
      access: 'read-write',
      pairState: 'synchronized',
      peer: { arrayId: 'b', deviceId: 'd' },
      stretched: true,
      preferredSiteId,
    },
  ],
  vms: [],
  datastores: [],
});

const setUp = async () => {
  const journal = new MemoryJournal();
  const catalog = await Catalog.open(journal);
  const lists = { replace: () => {} } as unknown as Lists;
  const recorder = new Recorder({ catalog, presentations, lists });
  const presentation = presentations.get('a');
  const source = () => presentation && sourceOf(catalog.state.sources, presentation, 'd');
  const turn = () =>
    catalog.append([
      { type: 'source-set', at: 5, arrayId: 'a', siteId: 'site-b', deviceIds: ['d'] },
    ]);
  await recorder.record(shown('site-a', 1), recorder.turns('a'));
  return { recorder, journal, catalog, source, turn };
};

test('recorder: a device is turned before an older answer comes → the record stands', async (t) => {
  const { recorder, source, turn } = await setUp();
  const turns = recorder.turns('a');
  await turn();
  await recorder.record(shown('site-a', 6), turns);
  t.is(source(), 'site-b');
});

test('recorder: a device is being turned as an older answer comes → the record stands', async (t) => {
  const { recorder, source, turn } = await setUp();
  const turns = recorder.turns('a');
  await Promise.all([turn(), recorder.record(shown('site-a', 6), turns)]);
  t.is(source(), 'site-b');
});

test('recorder: the storage tells another source than the record → the record is set', async (t) => {
  const { recorder, source } = await setUp();
  t.is(source(), 'site-a');
  await recorder.record(shown('site-b', 6), recorder.turns('a'));
  t.is(source(), 'site-b');
});

/** As an array answers it; throws when its devices are made objects of that are kept. */
class Untouched extends ArrayEvidence {
  override get devices(): never {
    throw new Error('somebody wanted objects');
  }
}

test('recorder: nobody presents an array → its devices stay bytes', async (t) => {
  const { recorder, catalog } = await setUp();
  const remote = { id: 'c', kind: 'array', siteId: 'site-b', pluginId: 'lab' } as const;
  const list = new DeviceList(portionsOf(packDevices(shown('site-b', 1).devices, 1)));
  const found = new Untouched({ remote, observedAtMs: 1, arrays: [] }, list);
  await recorder.record(found, recorder.turns('c'));
  t.is((catalog.state.inventory.get('c') as ArrayEvidence).list, list);
});

test('recorder: the journal takes nothing → the answer is told as it is, and as not kept', async (t) => {
  const { recorder, journal, catalog } = await setUp();
  const recorded = catalog.state.inventory.get('a');
  const found = shown('site-b', 6);
  journal.hold('no room');
  const told = await recorder.record(found, recorder.turns('a'));
  t.deepEqual(told, { evidence: found, kept: false });
  t.is(catalog.state.inventory.get('a'), recorded);
  journal.release();
  t.true((await recorder.record(found, recorder.turns('a'))).kept);
});
