/** What the system stream makes of an array's devices: recorded once, and changed since. */
import test from 'ava';
import { emptySystem, foldSystem, type SystemEntry } from '../../daemon/core/system.ts';
import type { Device } from '../../sdk/plugin/model.ts';

const device = (id: string, sizeBytes = 1): Device => ({
  id,
  name: id,
  sizeBytes,
  direction: 'none',
  access: 'read-only',
  pairState: 'inactive',
});

const remote = { id: 'a', kind: 'array', siteId: 's', pluginId: 'p' } as const;
const lists = { arrays: [], vms: [], datastores: [] };
const recorded = (ids: readonly string[]): SystemEntry => ({
  type: 'inventory-recorded',
  at: 1,
  evidence: { remote, observedAtMs: 1, devices: ids.map((id) => device(id)), ...lists },
});
const changed = (at: number, devices: Device[], goneIds: string[] = []): SystemEntry => ({
  type: 'devices-changed',
  at,
  arrayId: 'a',
  devices,
  goneIds,
});

const folded = (...entries: readonly SystemEntry[]) => {
  const state = emptySystem();
  for (const entry of entries) foldSystem(state, entry);
  return state.inventory.get('a');
};

test('system: changes of devices (changes=3) → the list as it is after the last of them', (t) => {
  const evidence = folded(
    recorded(['1', '2', '3']),
    changed(2, [device('2', 5), device('4')], ['1']),
    changed(3, [device('1', 7)], ['4']),
    changed(4, [device('5')]),
  );
  t.deepEqual(
    evidence?.devices.map(({ id, sizeBytes }) => [id, sizeBytes]),
    [
      ['1', 7],
      ['2', 5],
      ['3', 1],
      ['5', 1],
    ],
  );
  t.is(evidence?.observedAtMs, 4);
});

test('system: what was changed and is stated anew → the same list', (t) => {
  const evidence = folded(recorded(['1', '2']), changed(2, [device('2', 5)], ['1']));
  const again = JSON.parse(JSON.stringify(evidence));
  t.deepEqual(again, { remote, observedAtMs: 2, devices: [device('2', 5)], ...lists });
  const stated = folded({ type: 'inventory-recorded', at: 3, evidence: again });
  t.deepEqual(stated?.devices, evidence?.devices);
});

test('system: a new record after changes → nothing of them is left', (t) => {
  const evidence = folded(recorded(['1']), changed(2, [device('9')]), recorded(['1']));
  t.deepEqual(
    evidence?.devices.map(({ id }) => id),
    ['1'],
  );
});

test('system: a change of an array that was never recorded → is no evidence of it', (t) => {
  t.is(folded(changed(2, [device('9')])), undefined);
});
