/**
 * The remotes of a fixture while claims run: driving objects into the state that a claim starts
 * from, looking at them, and the way back to the starting state.
 */
import type {
  Datastore,
  Device,
  DeviceStatus,
  GroupTarget,
  Instance,
  PluginDefinition,
  RecoveryPoint,
  TargetVerb,
  Verb,
  VmStatus,
} from '../plugin/index.ts';
import { claim, show } from './failure.ts';
import type {
  DatastoreFixture,
  Fixture,
  GroupFixture,
  Side,
  StretchedFixture,
  VmFixture,
} from './fixture.ts';
import { type Bounds, boundsDefault, pageItemsMax } from './limits.ts';
import { offers, settlerOf } from './plugin.ts';
import { Remote } from './remote.ts';
import type { Target } from './session.ts';

/** How far VMs and datastores of a side are brought up. */
export const computeStates = ['bare', 'mounted', 'registered', 'running'] as const;
export type ComputeState = (typeof computeStates)[number];

export const sides = ['source', 'target'] as const satisfies readonly Side[];

export const otherSide = (side: Side): Side => (side === 'source' ? 'target' : 'source');

/** What lives on groups. */
type Inhabitants = Pick<Fixture, 'datastores' | 'vms'>;

export class World {
  readonly definition: PluginDefinition;
  readonly fixture: Fixture;
  readonly bounds: Bounds;
  readonly #remotes = new Map<string, Remote>();

  constructor(definition: PluginDefinition, fixture: Fixture) {
    this.definition = definition;
    this.fixture = fixture;
    this.bounds = { ...boundsDefault, ...fixture.bounds };
  }

  offers(verb: Verb): boolean {
    return offers(this.definition, verb);
  }

  /** Whether what became of a call can be asked. */
  settles(verb: TargetVerb): boolean {
    return settlerOf(this.definition, verb) !== undefined;
  }

  remote(kind: 'array' | 'compute', side: Side): Remote {
    const known = this.#remotes.get(`${kind}/${side}`);
    if (known) return known;
    const fixture = (kind === 'array' ? this.fixture.arrays : this.fixture.computes)?.[side];
    claim(fixture !== undefined, `the fixture names no ${kind} at the ${side}`);
    const remote = new Remote(this.definition, fixture, this.bounds, this.fixture.hooks);
    this.#remotes.set(`${kind}/${side}`, remote);
    return remote;
  }

  array(side: Side): Remote {
    return this.remote('array', side);
  }

  compute(side: Side): Remote {
    return this.remote('compute', side);
  }

  /** From now on new sessions, as after a restart of the daemon. */
  async forgetSessions(): Promise<void> {
    for (const remote of this.#remotes.values()) await remote.forgetSession();
    this.#remotes.clear();
  }

  get groups(): readonly GroupFixture[] {
    return this.fixture.groups ?? [];
  }

  /** The first group: what a claim about one group works on. */
  get group(): GroupFixture {
    const [group] = this.groups;
    claim(group !== undefined, 'the fixture names no groups');
    return group;
  }

  get stretched(): StretchedFixture {
    const { stretched } = this.fixture;
    claim(stretched !== undefined, 'the fixture names no stretched group');
    return stretched;
  }

  get shared(): GroupFixture {
    const { shared } = this.fixture;
    claim(shared !== undefined, 'the fixture names no shared group');
    return shared;
  }

  get vm(): VmFixture {
    const [vm] = this.fixture.vms ?? [];
    claim(vm !== undefined, 'the fixture names no VMs');
    return vm;
  }

  get datastore(): DatastoreFixture {
    const [datastore] = this.fixture.datastores ?? [];
    claim(datastore !== undefined, 'the fixture names no datastores');
    return datastore;
  }

  /** Roles and health of a group's devices, one for each of them. */
  async status(side: Side, group: GroupFixture): Promise<readonly DeviceStatus[]> {
    const target: GroupTarget = group[side];
    const devices = await this.array(side).value<readonly DeviceStatus[]>('deviceStatus', target);
    claim(devices !== undefined, `group ${target.id} is missing at the ${side}`);
    const ids = devices.map(({ id }) => id).sort();
    claim(
      show(ids) === show([...target.devices].sort()),
      `deviceStatus of ${target.id} named ${show(ids)}, not each device of the group once`,
    );
    return devices;
  }

  /** True when `test` holds for every device of the group. */
  async every(
    side: Side,
    group: GroupFixture,
    test: (device: DeviceStatus) => boolean,
  ): Promise<boolean> {
    return (await this.status(side, group)).every(test);
  }

  async recoveryPoints(side: Side, group: GroupFixture): Promise<readonly RecoveryPoint[]> {
    return (await this.array(side).value('recoveryPoints', group[side])) ?? [];
  }

  async devices(side: Side): Promise<readonly Device[]> {
    return this.array(side).all<Device>('discoverDevices', pageItemsMax);
  }

  vmTarget(vm: VmFixture, instance: Instance = 'production'): Target {
    return { ...vm, instance } as Target;
  }

  datastoreTarget(side: Side, datastore: DatastoreFixture, instance?: Instance): Target {
    const { id, devices } = datastore;
    return { id, instance: instance ?? 'production', devices: devices[side] } as Target;
  }

  /** A VM that the compute does not know is neither registered nor on. */
  async vmStatus(side: Side, vm: VmFixture): Promise<VmStatus> {
    const status = await this.compute(side).value<VmStatus>('vmStatus', this.vmTarget(vm));
    return status ?? { id: vm.id, registered: false, power: 'off' };
  }

  async mounted(side: Side, datastoreId: string): Promise<boolean> {
    const found = await this.compute(side).all<Datastore>('listDatastores', pageItemsMax);
    return found.some(
      ({ id, mounted, instance }) => id === datastoreId && mounted && instance === 'production',
    );
  }

  /** Brings datastores and VMs of one side into a state, from whatever they are in. */
  async bring(side: Side, wanted: ComputeState, on: Inhabitants = this.fixture): Promise<void> {
    const { datastores = [], vms = [] } = on;
    if (this.fixture.computes === undefined || !this.offers('listDatastores')) return;
    const rank = computeStates.indexOf(wanted);
    const compute = this.compute(side);
    for (const vm of vms) await this.#lower(side, vm, rank);
    for (const datastore of datastores) {
      const mounted = await this.mounted(side, datastore.id);
      const targets = [this.datastoreTarget(side, datastore)];
      if (mounted && rank < 1) await compute.must('unmount', targets);
      if (!mounted && rank >= 1) await compute.must('mount', targets);
    }
    for (const vm of vms) await this.#raise(side, vm, rank);
  }

  async #lower(side: Side, vm: VmFixture, rank: number): Promise<void> {
    const status = await this.vmStatus(side, vm);
    const targets = [this.vmTarget(vm)];
    if (status.power === 'on' && rank < 3) await this.compute(side).must('powerOff', targets);
    if (status.registered && rank < 2) await this.compute(side).must('unregister', targets);
  }

  async #raise(side: Side, vm: VmFixture, rank: number): Promise<void> {
    const status = await this.vmStatus(side, vm);
    const targets = [this.vmTarget(vm)];
    if (!status.registered && rank >= 2) await this.compute(side).must('register', targets);
    if (status.power === 'off' && rank >= 3) await this.compute(side).must('powerOn', targets);
  }

  /** Nothing mounted, registered or running on either side: the storage may be moved. */
  async bare(): Promise<void> {
    await this.bring('target', 'bare');
    await this.bring('source', 'bare');
  }

  /** Brings the last bytes over and demotes the source, as a planned failover does. */
  async demote(groups: readonly GroupFixture[]): Promise<void> {
    const targets = groups.map((group) => group.source);
    if (this.offers('sync')) await this.array('source').must('sync', targets);
    await this.array('source').must('prepareFailover', targets);
  }

  /** Demotes the source and promotes the target. */
  async failOver(groups: readonly GroupFixture[]): Promise<void> {
    await this.demote(groups);
    const targets = groups.map((group) => group.target);
    await this.array('target').must('failover', targets, { args: { force: false } });
  }

  /** Promotes the target by force, without the source. */
  async forceOver(groups: readonly GroupFixture[]): Promise<void> {
    const targets = groups.map((group) => group.target);
    await this.array('target').must('failover', targets, { args: { force: true } });
  }

  /** True when every device of the group is in its starting role at that side. */
  async atStart(side: Side, group: GroupFixture): Promise<boolean> {
    return this.every(side, group, ({ direction, access, pairState }) =>
      side === 'source'
        ? direction === 'outgoing' && access === 'read-write' && pairState !== 'suspended'
        : direction === 'incoming' && access === 'read-only',
    );
  }

  /** The sites see each other, both ends serve, and nothing lives on the target's. */
  async #restoreStretched(): Promise<void> {
    const { group } = this.stretched;
    await this.fixture.hooks?.part?.(false);
    for (const side of ['target', 'source'] as const)
      await this.bring(side, 'bare', this.stretched);
    await this.#restoreEnds(group);
  }

  /** Both ends serve, and the source's is preferred. */
  async #restoreEnds(group: GroupFixture): Promise<void> {
    for (const side of sides) {
      if (!(await this.every(side, group, ({ direction }) => direction === 'outgoing'))) continue;
      await this.array(side).must('resync', [group[side]], { args: { changes: 'discard' } });
    }
    const args = { siteId: this.array('source').fixture.siteId };
    await this.array('source').must('setSitePreference', [group.source], { args });
  }

  get #hasStretched(): boolean {
    const { stretched } = this.definition.properties ?? {};
    return this.fixture.stretched !== undefined && stretched === true;
  }

  /** Back to the starting state, by the fixture's `reset` or by verbs. */
  async restore(): Promise<void> {
    if (this.fixture.reset) {
      await this.forgetSessions();
      await this.fixture.reset();
    } else {
      await this.bare();
      if (this.groups.length > 0) await this.#restoreRoles();
      if (this.#hasStretched) await this.#restoreStretched();
      if (this.fixture.shared !== undefined) await this.#restoreEnds(this.fixture.shared);
    }
    await this.checkStart();
  }

  async #restoreRoles(): Promise<void> {
    for (const group of this.groups) {
      if (this.offers('testFailoverStop')) {
        await this.array('target').must('testFailoverStop', [group.target]);
      }
      if (!this.offers('deviceStatus')) continue;
      for (const side of sides) await this.#resume(side, group);
      if (await this.every('target', group, ({ direction }) => direction === 'outgoing')) {
        await this.#failBack(group);
      }
      for (const side of ['target', 'source'] as const) await this.#restoreRole(side, group);
    }
  }

  async #resume(side: Side, group: GroupFixture): Promise<void> {
    if (await this.every(side, group, ({ pairState }) => pairState !== 'suspended')) return;
    await this.array(side).must('resumeReplication', [group[side]]);
  }

  /** After a reverse: the same way again, in the other direction. */
  async #failBack(group: GroupFixture): Promise<void> {
    await this.array('target').must('prepareFailover', [group.target]);
    await this.array('source').must('failover', [group.source], { args: { force: false } });
    await this.array('source').must('reverse', [group.source]);
  }

  /** Written to since it was promoted: past undo. The source went on alone, or was handed over. */
  async #returnWritten(group: GroupFixture): Promise<void> {
    if (await this.every('source', group, ({ access }) => access === 'read-write')) {
      await this.array('source').must('resync', [group.source], { args: { changes: 'discard' } });
    } else {
      await this.array('target').must('reverse', [group.target]);
      await this.#failBack(group);
    }
  }

  async #restoreRole(side: Side, group: GroupFixture): Promise<void> {
    if (await this.atStart(side, group)) return;
    const remote = this.array(side);
    const direction = side === 'source' ? 'outgoing' : 'incoming';
    const to = Object.fromEntries(group[side].devices.map((id) => [id, direction]));
    const [ended] = await remote.call('restoreReplication', [group[side]], { args: { to } });
    if (ended?.fault?.kind === 'conflict') await this.#returnWritten(group);
  }

  /** Fails when a group is not in its starting state: nothing said after that would be true. */
  async checkStart(): Promise<void> {
    if (!this.offers('deviceStatus')) return;
    for (const group of this.groups) {
      for (const side of sides) {
        claim(
          await this.atStart(side, group),
          `group ${group[side].id} is not in its starting state at the ${side}: ` +
            show(await this.status(side, group)),
        );
      }
    }
    if (this.#hasStretched) await this.#checkStretched();
  }

  async #checkStretched(): Promise<void> {
    const preferred = this.array('source').fixture.siteId;
    for (const side of sides) {
      const devices = await this.status(side, this.stretched.group);
      const ready = devices.every(
        ({ direction, access, preferredSiteId }) =>
          direction === 'stretched' && access === 'read-write' && preferredSiteId === preferred,
      );
      claim(ready, `the stretched group does not start at the ${side}: ${show(devices)}`);
    }
  }
}
