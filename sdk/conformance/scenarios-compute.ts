/** Scenarios of the compute verbs: all at the source side, where the VMs live. */
import type { TargetVerb } from '../plugin/index.ts';
import type { VmFixture } from './fixture.ts';
import { compute, verbs } from './needs.ts';
import type { Scenario } from './scenario.ts';
import type { ComputeState, World } from './world.ts';

const vmOf = (world: World, id: string): VmFixture =>
  world.fixture.vms?.find((vm) => vm.id === id) ?? world.vm;

const brought = (state: ComputeState) => (world: World) => world.bring('source', state);

const scenario = (
  verb: TargetVerb,
  from: ComputeState,
  rest: Pick<Scenario, 'effect' | 'targets'> & Partial<Scenario>,
): Scenario => ({
  name: verb,
  verb,
  kind: 'compute',
  side: 'source',
  arrange: brought(from),
  ...rest,
  needs: [...compute, ...(rest.needs ?? [])],
});

const allVms = (world: World) => (world.fixture.vms ?? []).map((vm) => world.vmTarget(vm));
const allDatastores = (world: World) =>
  (world.fixture.datastores ?? []).map((datastore) => world.datastoreTarget('source', datastore));

const seenPower =
  (power: 'on' | 'off'): NonNullable<Scenario['has']> =>
  async (world, id) =>
    (await world.vmStatus('source', vmOf(world, id))).power === power;

const seenRegistered =
  (registered: boolean): NonNullable<Scenario['has']> =>
  async (world, id) =>
    (await world.vmStatus('source', vmOf(world, id))).registered === registered;

const seenMounted =
  (mounted: boolean): NonNullable<Scenario['has']> =>
  async (world, id) =>
    (await world.mounted('source', id)) === mounted;

const fileTargets = (content?: string) => (world: World) => [
  {
    id: 'conformance-file',
    datastoreId: world.datastore.id,
    path: 'conformance.txt',
    ...(content === undefined ? {} : { content }),
  },
];

const fileContent = 'written by the conformance suite';

export const computeScenarios: readonly Scenario[] = [
  scenario('mount', 'bare', {
    effect: 'the datastore is mounted',
    targets: allDatastores,
    has: seenMounted(true),
  }),
  scenario('unmount', 'mounted', {
    effect: 'the datastore is not mounted any more',
    targets: allDatastores,
    has: seenMounted(false),
  }),
  scenario('register', 'mounted', {
    effect: 'the VM is registered',
    targets: allVms,
    has: seenRegistered(true),
  }),
  scenario('unregister', 'registered', {
    effect: 'the VM is not registered any more',
    targets: allVms,
    has: seenRegistered(false),
  }),
  scenario('powerOn', 'registered', {
    effect: 'the VM runs',
    targets: allVms,
    has: seenPower('on'),
    identity: async (world, id) =>
      (await world.vmStatus('source', vmOf(world, id))).bootId ?? 'no boot id',
  }),
  scenario('shutDown', 'running', {
    effect: 'the VM stopped',
    needs: verbs('powerOn'),
    targets: allVms,
    has: seenPower('off'),
  }),
  scenario('powerOff', 'running', {
    effect: 'the VM is off',
    needs: verbs('powerOn'),
    targets: allVms,
    has: seenPower('off'),
  }),
  scenario('writeFile', 'mounted', {
    effect: 'the file reads back',
    needs: verbs('readFile'),
    targets: fileTargets(fileContent),
    identity: async (world) => {
      const [target] = fileTargets()(world);
      const value = await world
        .compute('source')
        .value<{ content: string }>('readFile', target as { id: string });
      return value?.content ?? 'missing';
    },
  }),
];
