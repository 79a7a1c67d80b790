/** Which copy of a VM is the VM: the table is total, and the rules around it. */
import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { instancesTable, withInstancesTable } from '../../daemon/core/instances/docs.ts';
import { isPlain, type Resolution, resolveInstances } from '../../daemon/core/instances/resolve.ts';
import {
  type InstanceState,
  instanceStates,
  instanceTable,
} from '../../daemon/core/instances/table.ts';
import {
  decodeRecord,
  encodeRecord,
  type FoundInstance,
  type MigrationRecord,
  type RecordState,
  sealRecord,
} from '../../sdk/plugin/index.ts';

const page = new URL('../../../docs/instances.md', import.meta.url);

const recordOf = (over: Partial<MigrationRecord> = {}): MigrationRecord => ({
  vmId: 'vm-1',
  migrationId: 'm-1',
  sequence: 1,
  role: 'source',
  state: 'in-progress',
  source: 'A',
  destination: 'B',
  disks: ['disk-0'],
  digest: '',
  ...over,
});

const copy = (datastoreId: string, over?: Partial<MigrationRecord>): FoundInstance => ({
  datastoreId,
  disks: ['disk-0'],
  ...(over === undefined ? {} : { record: encodeRecord(recordOf(over)) }),
});

/** A copy of the state at that end of migration A → B; none for `absent`. */
const inState = (
  state: InstanceState,
  role: 'source' | 'destination',
  digest = '',
): FoundInstance[] => {
  const found = copy(role === 'source' ? 'A' : 'B');
  if (state === 'absent') return [];
  if (state === 'no-record') return [found];
  const record = encodeRecord(recordOf({ role, state: state as RecordState, digest }));
  if (state !== 'torn') return [{ ...found, record }];
  const torn = encodeRecord(recordOf({ role, state: 'completed' })).slice(0, -12);
  return [{ ...found, record: torn }];
};

const chosen = (resolution: Resolution): string =>
  resolution.kind === 'chosen' ? resolution.datastoreIds.join('+') : resolution.kind;

test('instances: the table of 6 × 6 → every cell says what is chosen and why', (t) => {
  let cells = 0;
  for (const source of instanceStates) {
    for (const destination of instanceStates) {
      const { choose, why } = instanceTable[source][destination];
      t.true(['source', 'destination', 'refuse'].includes(choose), `${source} × ${destination}`);
      t.true(why.length > 10, `${source} × ${destination}`);
      cells++;
    }
  }
  t.is(cells, 36);
  for (const row of instancesTable().split('\n').slice(2)) {
    t.is(row.split(' | ').length, 7);
    t.false(/\|\s*\|/.test(row), row);
  }
});

test('instances: the page of the docs → holds the table that chooses', (t) => {
  const text = readFileSync(page, 'utf8');
  t.is(withInstancesTable(text), text, 'npm run gen:docs');
  t.true(text.includes(instancesTable()));
});

test('instances: what the sources say of the table → holds', (t) => {
  for (const source of instanceStates) {
    t.is(instanceTable[source].completed.choose, 'destination', source);
  }
  t.is(instanceTable['no-record'].absent.choose, 'source');
  t.is(instanceTable['in-progress'].absent.choose, 'source');
  t.is(instanceTable['in-progress']['in-progress'].choose, 'source');
  t.is(instanceTable['no-record']['no-record'].choose, 'refuse');
  for (const source of instanceStates) {
    t.not(instanceTable[source].torn.choose, 'destination', source);
  }
});

test('instances: each of the 36 cells from records → is chosen as the table says', (t) => {
  const isPaired = (state: InstanceState) => !['absent', 'no-record', 'torn'].includes(state);
  for (const source of instanceStates) {
    for (const destination of instanceStates) {
      const found = [
        ...inState(source, 'source', 'd'),
        ...inState(destination, 'destination', 'd'),
      ];
      const cell = instanceTable[source][destination];
      const whole = found.map((one) => ({ ...one, digest: 'd' }));
      const got = resolveInstances('vm-1', whole);
      const name = `${source} × ${destination}`;
      const lone = !isPaired(source) && !isPaired(destination);
      const end = cell.choose === 'refuse' ? 'refused' : cell.choose === 'source' ? 'A' : 'B';
      t.is(chosen(got), end, name);
      if (got.kind === 'chosen' && !lone) {
        t.deepEqual(got.warnings, cell.warning === undefined ? [] : [cell.warning], name);
        t.is(got.why, cell.why, name);
      }
      const unread = resolveInstances('vm-1', found);
      t.is(unread.kind === 'unproven', cell.ifWhole === true, name);
      const spoilt = found.map((one) => ({ ...one, digest: 'other' }));
      t.is(chosen(resolveInstances('vm-1', spoilt)), cell.ifWhole === true ? 'refused' : end, name);
    }
  }
});

const completed = { role: 'destination', state: 'completed' } as const;
const second = { migrationId: 'm-2', sequence: 2, source: 'B', destination: 'C' } as const;

const chains: readonly [string, readonly FoundInstance[], string][] = [
  [
    'C completed',
    [copy('A'), copy('B', { ...second }), copy('C', { ...second, ...completed })],
    'C',
  ],
  [
    'C under way',
    [copy('A'), copy('B', { ...second }), copy('C', { ...second, role: 'destination' })],
    'B',
  ],
  [
    'C under way, B from before its start',
    [copy('A', {}), copy('B', completed), copy('C', { ...second, role: 'destination' })],
    'B',
  ],
  [
    'C under way, B from the middle of the first',
    [
      copy('A', {}),
      copy('B', { role: 'destination' }),
      copy('C', { ...second, role: 'destination' }),
    ],
    'A',
  ],
  [
    'C half, B did not arrive',
    [copy('A', { state: 'completed', digest: '' }), copy('C', { ...second, role: 'destination' })],
    'refused',
  ],
  [
    'C half, B did not arrive, A has no record',
    [copy('A'), copy('C', { ...second, role: 'destination' })],
    'A',
  ],
  [
    'back to A, which arrived from the first',
    [copy('A', { state: 'completed' }), copy('B', { ...second, destination: 'A' })],
    'B',
  ],
  [
    'back to A, completed',
    [
      copy('A', { ...second, ...completed, destination: 'A' }),
      copy('B', { ...second, destination: 'A' }),
    ],
    'A',
  ],
  [
    'two of one sequence',
    [copy('A', {}), copy('C', { migrationId: 'm-9', destination: 'C' })],
    'refused',
  ],
  [
    'a torn third',
    [
      copy('A', {}),
      copy('B', completed),
      ...inState('torn', 'source').map((one) => ({ ...one, datastoreId: 'Z' })),
    ],
    'refused',
  ],
];

for (const [name, found, end] of chains) {
  test(`instances: a chain A → B → C, ${name} → ${end}`, (t) => {
    t.is(chosen(resolveInstances('vm-1', found)), end);
    t.is(chosen(resolveInstances('vm-1', [...found].reverse())), end, 'in any order');
  });
}

test('instances: a VM with a disk in each of two datastores → nothing to choose', (t) => {
  const spread = [copy('A'), { datastoreId: 'D', disks: ['disk-1'] }];
  t.true(isPlain(spread));
  t.is(chosen(resolveInstances('vm-1', spread)), 'A+D');
  t.false(isPlain([copy('A'), copy('B')]));
});

test('instances: one of its two disks was moved A → B → B, and D as it is', (t) => {
  const spread = [copy('A', {}), copy('B', completed), { datastoreId: 'D', disks: ['disk-1'] }];
  t.is(chosen(resolveInstances('vm-1', spread)), 'B+D');
});

test('instances: a record of another VM in the same place → counts as torn', (t) => {
  const stray = [copy('A'), copy('B', { ...completed, vmId: 'vm-2' })];
  t.is(chosen(resolveInstances('vm-1', stray)), 'refused');
});

test('instances: any set of copies → a choice among them, or a refusal that says why', (t) => {
  const ids = ['A', 'B', 'C', 'D'];
  const record = fc.record({
    vmId: fc.constant('vm-1'),
    migrationId: fc.constantFrom('m-1', 'm-2', 'm-3'),
    sequence: fc.integer({ min: 1, max: 3 }),
    role: fc.constantFrom('source' as const, 'destination' as const),
    state: fc.constantFrom('in-progress' as const, 'completed' as const, 'aborted' as const),
    source: fc.constantFrom(...ids),
    destination: fc.constantFrom(...ids),
    disks: fc.constant(['disk-0']),
    digest: fc.constantFrom('', 'd'),
  });
  const found = fc.record({
    datastoreId: fc.constantFrom(...ids),
    disks: fc.constantFrom([], ['disk-0']),
    record: fc.option(fc.oneof(record.map(encodeRecord), fc.string()), { nil: undefined }),
    digest: fc.constantFrom(undefined, 'd', 'e'),
  });
  const sets = fc.uniqueArray(found, { selector: ({ datastoreId }) => datastoreId });
  fc.assert(
    fc.property(sets, (copies) => {
      const got = resolveInstances('vm-1', copies as FoundInstance[]);
      if (got.kind === 'refused') return got.why.length > 10;
      return got.datastoreIds.every((id) => copies.some(({ datastoreId }) => datastoreId === id));
    }),
    { numRuns: 5_000 },
  );
  t.pass();
});

test('record: cut short at each byte, or with one changed → torn; whole → as it was', (t) => {
  const text = encodeRecord(recordOf({ digest: 'abc' }));
  t.deepEqual(decodeRecord(text), recordOf({ digest: 'abc' }));
  for (let at = 0; at < text.length; at++) {
    t.is(decodeRecord(text.slice(0, at)), undefined);
    t.is(decodeRecord(`${text.slice(0, at)}~${text.slice(at + 1)}`), undefined);
  }
  t.is(decodeRecord(''), undefined);
  t.is(decodeRecord('{}\n00000000\n'), undefined);
});

test('record: sealed → completed, with the digest, and otherwise as it was', (t) => {
  const sealed = sealRecord(encodeRecord(recordOf({ role: 'destination' })), 'abc');
  t.deepEqual(decodeRecord(sealed), recordOf({ ...completed, digest: 'abc' }));
  t.throws(() => sealRecord('torn', 'abc'));
});
