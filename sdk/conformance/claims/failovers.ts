/** Claims about whole ways: VMs over to the other side, and beside themselves in a test. */
import type { Instance, TargetVerb, VmStatus } from '../../plugin/index.ts';
import { type ClaimDefinition, touching } from '../claim.ts';
import { claim, show } from '../failure.ts';
import type { VmFixture } from '../fixture.ts';
import { compute, type Need, storage, verbs } from '../needs.ts';
import type { Target } from '../session.ts';
import type { World } from '../world.ts';

const needs: readonly Need[] = [...storage, ...compute, ...verbs('powerOn')];

const vmsOf = (world: World): readonly VmFixture[] => world.fixture.vms ?? [];

/** What a VM knows to be written, once it runs no more. */
const acknowledged = async (world: World): Promise<ReadonlyMap<string, number>> => {
  const found = new Map<string, number>();
  for (const vm of vmsOf(world)) {
    const { heartbeat } = await world.vmStatus('source', vm);
    if (heartbeat !== undefined) found.set(vm.id, heartbeat);
  }
  return found;
};

const planned: ClaimDefinition = touching(
  'works: planned failover of VMs → each runs at the target with all that it had acknowledged',
  [...needs, ...verbs('prepareFailover', 'failover')],
  async (world) => {
    await world.bring('source', 'running');
    await world.bring('source', 'registered');
    const written = await acknowledged(world);
    await world.bring('source', 'bare');
    await world.failOver(world.groups);
    await world.bring('target', 'running');
    for (const vm of vmsOf(world)) {
      const status = await world.vmStatus('target', vm);
      claim(status.power === 'on', `${vm.id} is not on at the target: ${show(status)}`);
      const before = written.get(vm.id);
      if (before === undefined || status.resumedAt === undefined) continue;
      claim(
        status.resumedAt >= before,
        `${vm.id} had acknowledged ${before}, and went on at the target from ${status.resumedAt}`,
      );
    }
  },
);

const disaster: ClaimDefinition = touching(
  'works: forced failover of VMs → each runs at the target, with no call to the source',
  [...needs, ...verbs('failover')],
  async (world) => {
    await world.bare();
    if (world.offers('sync')) {
      const targets = world.groups.map((group) => group.source);
      await world.array('source').must('sync', targets);
    }
    await world.forceOver(world.groups);
    await world.bring('target', 'running');
    for (const vm of vmsOf(world)) {
      const status = await world.vmStatus('target', vm);
      claim(status.power === 'on', `${vm.id} is not on at the target: ${show(status)}`);
    }
  },
);

const testVm = async (world: World, vm: VmFixture): Promise<VmStatus | undefined> =>
  world.compute('target').value('vmStatus', world.vmTarget(vm, 'test'));

/** The same verbs on every datastore and VM of the test instance. */
const drive = async (world: World, way: readonly TargetVerb[]): Promise<void> => {
  const instance: Instance = 'test';
  const vms = vmsOf(world).map((vm) => world.vmTarget(vm, instance));
  const datastores = (world.fixture.datastores ?? []).map((datastore) =>
    world.datastoreTarget('target', datastore, instance),
  );
  for (const verb of way) {
    const targets = verb === 'mount' || verb === 'unmount' ? datastores : vms;
    await world.compute('target').must(verb, targets);
  }
};

const tested: ClaimDefinition = touching(
  'works: test failover of VMs → test instances run beside production, and leave nothing',
  [...needs, ...verbs('testFailoverStart', 'testFailoverStop')],
  async (world) => {
    await world.bring('source', 'running');
    const targets = world.groups.map((group) => group.target);
    if (world.offers('sync')) {
      await world.array('source').must(
        'sync',
        world.groups.map((group) => group.source),
      );
    }
    await world.array('target').must('testFailoverStart', targets);
    await drive(world, ['mount', 'register', 'powerOn']);
    for (const vm of vmsOf(world)) {
      const status = await testVm(world, vm);
      claim(status?.power === 'on', `the test instance of ${vm.id} is ${show(status)}`);
      const production = await world.vmStatus('source', vm);
      claim(production.power === 'on', `production's ${vm.id} stopped during the test`);
    }
    await world.checkStart();
    await drive(world, ['powerOff', 'unregister', 'unmount']);
    await world.array('target').must('testFailoverStop', targets);
    for (const vm of vmsOf(world)) {
      const status = await testVm(world, vm);
      const gone = status === undefined || (!status.registered && status.power === 'off');
      claim(gone, `the test instance of ${vm.id} is left: ${show(status)}`);
    }
  },
);

const copiedAnew: ClaimDefinition = touching(
  'works: resync of a pair in good order, under VMs → they go on, and its copy can be tested',
  [...needs, ...verbs('resync', 'testFailoverStart', 'testFailoverStop')],
  async (world) => {
    await world.bring('source', 'running');
    const before: VmStatus[] = [];
    for (const vm of vmsOf(world)) before.push(await world.vmStatus('source', vm));
    for (const { source, target } of world.groups) {
      await world.array('source').must('resync', [source], { args: { changes: 'discard' } });
      await world.array('target').must('testFailoverStart', [target]);
      await world.array('target').must('testFailoverStop', [target]);
    }
    for (const [at, vm] of vmsOf(world).entries()) {
      const { power, bootId } = await world.vmStatus('source', vm);
      const goesOn = power === 'on' && bootId === before[at]?.bootId;
      claim(goesOn, `${vm.id} did not go on in its boot: ${show({ power, bootId })}`);
    }
    await world.checkStart();
  },
);

const files: ClaimDefinition = touching(
  'works: writeFile → reads back, is listed, and is replaced whole',
  [...compute, ...verbs('writeFile', 'readFile', 'listFiles')],
  async (world) => {
    await world.bring('source', 'mounted');
    const remote = world.compute('source');
    const file = { id: 'file', datastoreId: world.datastore.id, path: 'conformance.txt' };
    for (const content of ['a longer first content', 'short']) {
      await remote.must('writeFile', [{ ...file, content } as Target]);
      const value = await remote.value<{ content: string }>('readFile', file);
      claim(value?.content === content, `wrote ${show(content)}, read ${show(value)}`);
    }
    const listed = await remote.value<readonly string[]>('listFiles', {
      ...file,
      path: '',
    } as Target);
    claim(listed?.includes(file.path), `listFiles does not name ${file.path}: ${show(listed)}`);
  },
);

export const failoverClaims: readonly ClaimDefinition[] = [
  planned,
  disaster,
  tested,
  copiedAnew,
  files,
];
