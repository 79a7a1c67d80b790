/**
 * Claims about a storage migration as a whole: records, mirror, cut-over, removal, and the choice
 * among the copies. The suite plays the engine that leads one, and leads it back when it is done.
 */
import {
  decodeRecord,
  encodeRecord,
  type FoundInstance,
  type MigrationRecord,
  recordPathOf,
} from '../../plugin/index.ts';
import type { ClaimDefinition } from '../claim.ts';
import { mustFault } from '../expect.ts';
import { claim, show } from '../failure.ts';
import type { VmFixture } from '../fixture.ts';
import { compute, type Need, verbs } from '../needs.ts';
import type { Target } from '../session.ts';
import type { World } from '../world.ts';

const needs: readonly Need[] = [
  ...compute,
  { fixture: 'move' },
  ...verbs('powerOn', 'mirrorDisks', 'cutOver', 'removeDisks', 'findInstances'),
  ...verbs('writeFile', 'readFile', 'removeFile'),
];

/** One migration of a VM that stands on one datastore. */
interface Move {
  readonly vm: VmFixture;
  readonly from: string;
  readonly to: string;
  readonly id: string;
  readonly sequence: number;
}

const moves = (world: World): readonly [Move, Move] => {
  const { move, vms = [] } = world.fixture;
  const vm = vms.find(({ id }) => id === move?.vmId);
  const from = vm?.datastoreIds[0];
  const to = move?.toDatastoreId;
  claim(vm !== undefined && from !== undefined && to !== undefined, 'nothing can be moved');
  return [
    { vm, from, to, id: 'conformance-1', sequence: 1 },
    { vm, from: to, to: from, id: 'conformance-2', sequence: 2 },
  ];
};

type End = MigrationRecord['role'];

const recordOf = (move: Move, role: End, more: Partial<MigrationRecord> = {}): string =>
  encodeRecord({
    vmId: move.vm.id,
    migrationId: move.id,
    sequence: move.sequence,
    role,
    state: 'in-progress',
    source: move.from,
    destination: move.to,
    disks: [],
    digest: '',
    ...more,
  });

const fileOf = (move: Move, role: End): Target =>
  ({
    id: `${move.vm.id}:${role}`,
    datastoreId: role === 'source' ? move.from : move.to,
    path: recordPathOf(move.vm.id),
  }) as Target;

const write = async (world: World, move: Move, role: End, content: string): Promise<void> => {
  const target = { ...fileOf(move, role), content } as Target;
  await world.compute('source').must('writeFile', [target]);
};

const moveTarget = (world: World, move: Move): Target => {
  const ends = { migrationId: move.id, fromDatastoreId: move.from, toDatastoreId: move.to };
  const record = recordOf(move, 'destination');
  return { ...world.vmTarget(move.vm), ...ends, record } as Target;
};

const found = async (
  world: World,
  { vm }: Move,
  digests = false,
): Promise<ReadonlyMap<string, FoundInstance>> => {
  const targets = [world.vmTarget(vm)];
  const asked = await world.compute('source').ask('findInstances', targets, { args: { digests } });
  const value = asked[0]?.value as readonly FoundInstance[] | undefined;
  claim(value !== undefined, `findInstances of ${vm.id} told nothing: ${show(asked[0])}`);
  return new Map(value.map((instance) => [instance.datastoreId, instance]));
};

const begin = async (world: World, move: Move): Promise<void> => {
  await world.bring('source', 'running');
  for (const role of ['source', 'destination'] as const) {
    await write(world, move, role, recordOf(move, role));
  }
  await world.compute('source').must('mirrorDisks', [moveTarget(world, move)]);
};

/** To the commit point; answers the digest of what both copies were. */
const cutOver = async (world: World, move: Move): Promise<string> => {
  const here = world.compute('source');
  const [ended] = await here.must('cutOver', [moveTarget(world, move)]);
  const file = await here.value<{ content: string }>('readFile', fileOf(move, 'destination'));
  const record = decodeRecord(file?.content ?? '');
  const isSealed = record?.state === 'completed' && record.migrationId === move.id;
  claim(isSealed, `the destination does not say completed after cutOver: ${show(record)}`);
  const digest = ended?.evidence?.digest;
  const isTold = record.digest !== '' && (digest === undefined || digest === record.digest);
  claim(isTold, `the record's digest is ${show(record.digest)}, cutOver told ${show(digest)}`);
  return record.digest;
};

const leave = async (world: World, move: Move, digest: string): Promise<void> => {
  await write(world, move, 'source', recordOf(move, 'source', { state: 'completed', digest }));
  const args = { end: 'from' };
  await world.compute('source').must('removeDisks', [moveTarget(world, move)], { args });
  await world.compute('source').must('removeFile', [fileOf(move, 'source')]);
};

/** The VM back where the fixture has it, and no record of anything. */
const leadBack = async (world: World, back: Move): Promise<void> => {
  await begin(world, back);
  await leave(world, back, await cutOver(world, back));
  await world.compute('source').must('removeFile', [fileOf(back, 'destination')]);
};

const touching = (title: string, check: ClaimDefinition['check']): ClaimDefinition => ({
  title,
  needs,
  touches: true,
  check,
});

const goesOver = touching(
  'storage migration: mirrored and cut over → on at the destination in its boot, and sealed there',
  async (world) => {
    const [move, back] = moves(world);
    await begin(world, move);
    const before = await world.vmStatus('source', move.vm);
    const digest = await cutOver(world, move);
    const after = await world.vmStatus('source', move.vm);
    claim(after.power === 'on', `${move.vm.id} is off after cutOver: ${show(after)}`);
    claim(after.bootId === before.bootId, `${move.vm.id} was booted anew: ${show(after)}`);
    const all = before.heartbeat === undefined || (after.heartbeat ?? 0) >= before.heartbeat;
    claim(all, `${move.vm.id} had acknowledged ${before.heartbeat}, and is at ${after.heartbeat}`);
    await leave(world, move, digest);
    const left = await found(world, move);
    claim(!left.has(move.from), `${move.from} still holds something of ${move.vm.id}`);
    claim(left.has(move.to), `${move.to} holds nothing of ${move.vm.id}`);
    await leadBack(world, back);
  },
);

const staysWhole = touching(
  'storage migration: cut over → the source is whole still, and its digest the one in the record',
  async (world) => {
    const [move, back] = moves(world);
    await begin(world, move);
    const digest = await cutOver(world, move);
    const copies = await found(world, move, true);
    const source = copies.get(move.from);
    claim(source?.digest === digest, `the source's digest is ${source?.digest}, not ${digest}`);
    claim(copies.get(move.to)?.record !== undefined, `${move.to} does not tell of its record`);
    await leave(world, move, digest);
    await leadBack(world, back);
  },
);

const keepsItsOwn = touching(
  'storage migration: removeDisks where the VM stands → conflict, and it goes on',
  async (world) => {
    const [move, back] = moves(world);
    await begin(world, move);
    const removed = (end: 'from' | 'to') =>
      world.compute('source').call('removeDisks', [moveTarget(world, move)], { args: { end } });
    const [early] = await removed('from');
    mustFault('removeDisks of the source before the cut-over', early, ['conflict']);
    const digest = await cutOver(world, move);
    const [late] = await removed('to');
    mustFault('removeDisks of the destination after the cut-over', late, ['conflict']);
    const { power } = await world.vmStatus('source', move.vm);
    claim(power === 'on', `${move.vm.id} is off after that was refused`);
    await leave(world, move, digest);
    await leadBack(world, back);
  },
);

const isGivenUp = touching(
  'storage migration: given up before the cut-over → on at its source, nothing at the destination',
  async (world) => {
    const [move] = moves(world);
    await begin(world, move);
    const before = await world.vmStatus('source', move.vm);
    const here = world.compute('source');
    for (let times = 1; times <= 2; times++) {
      await here.must('removeDisks', [moveTarget(world, move)], { args: { end: 'to' } });
    }
    for (const role of ['source', 'destination'] as const) {
      await here.must('removeFile', [fileOf(move, role)]);
    }
    const left = await found(world, move);
    claim(!left.has(move.to), `${move.to} still holds something of ${move.vm.id}`);
    claim(left.get(move.from)?.disks.length !== 0, `${move.from} lost the disks of ${move.vm.id}`);
    const [cut] = await here.call('cutOver', [moveTarget(world, move)]);
    mustFault('cutOver of what was given up', cut, ['conflict']);
    const after = await world.vmStatus('source', move.vm);
    claim(after.bootId === before.bootId, `${move.vm.id} was booted anew: ${show(after)}`);
    claim(after.power === 'on', `${move.vm.id} is off after its migration was given up`);
  },
);

const isChosen: ClaimDefinition = {
  ...touching(
    'storage migration: two copies, one is chosen → started from that one, refused while it is on',
    async (world) => {
      const [move, back] = moves(world);
      await begin(world, move);
      const digest = await cutOver(world, move);
      const here = world.compute('source');
      const choice = (datastoreId: string) =>
        ({ ...world.vmTarget(move.vm), datastoreIds: [datastoreId] }) as Target;
      await here.must('chooseInstance', [choice(move.to)]);
      const [other] = await here.call('chooseInstance', [choice(move.from)]);
      mustFault('chooseInstance of another copy of a VM that is on', other, ['conflict']);
      await here.must('powerOff', [world.vmTarget(move.vm)]);
      await here.must('chooseInstance', [choice(move.to)]);
      await here.must('powerOn', [world.vmTarget(move.vm)]);
      const copies = await found(world, move);
      claim(copies.get(move.to)?.chosen !== false, `${move.to} is not what is chosen`);
      claim(copies.get(move.from)?.chosen !== true, `${move.from} is chosen as well`);
      await leave(world, move, digest);
      await leadBack(world, back);
    },
  ),
  needs: [...needs, ...verbs('chooseInstance')],
};

export const moveClaims: readonly ClaimDefinition[] = [
  goesOver,
  staysWhole,
  keepsItsOwn,
  isGivenUp,
  isChosen,
];
