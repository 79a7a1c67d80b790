/** The toy's stretched group: two ends that are written as one, and VMs that go over. */
import type { GroupTarget, MigrationStatus, PluginVerbs, VmTarget } from '@siteswap/sdk/plugin';
import { fail, type Has, missing, type ToySession, verb } from './calls.ts';
import {
  datastoreOf,
  groups,
  isStretched,
  siteOf,
  type ToyDevice,
  type ToyVm,
  vmOn,
} from './store.ts';

interface Ends {
  readonly here: readonly ToyDevice[];
  readonly there: readonly ToyDevice[];
}

const endsOf = (has: Has, session: ToySession, { id }: GroupTarget): Ends => {
  const ids = groups[id] ?? missing(has);
  const at = (devices: ReadonlyMap<string, ToyDevice>) =>
    ids.flatMap((one) => devices.get(one) ?? []);
  return { here: at(session.here.devices), there: at(session.there.devices) };
};

const onStretched = <A>(
  has: Has,
  work: (session: ToySession, ends: Ends, args: A) => void,
  plain: (session: ToySession) => void,
) =>
  verb<GroupTarget>(has, (call) => (target) => {
    const ends = endsOf(has, call.session, target);
    if (!isStretched(target.id)) plain(call.session);
    else work(call.session, ends, (call as unknown as { readonly args: A }).args);
    return undefined;
  });

const refused = (): void => fail('refused', 'the group is not stretched');

const prefer = (has: Has) =>
  onStretched<{ siteId: string }>(
    has,
    (_, { here, there }, { siteId }) => {
      const known = [siteOf('source'), siteOf('target')].includes(siteId);
      if (!known && !has('prefers-anywhere')) fail('refused', `the group is not at ${siteId}`);
      const told = has('forgets-the-other-side') ? here : [...here, ...there];
      for (const device of told) device.preferredSiteId = siteId;
      if (!has('serves-the-preferred-alone')) return;
      for (const device of there) device.access = 'read-only';
    },
    refused,
  );

const fence = (has: Has) =>
  onStretched(
    has,
    (session, { here, there }) => {
      if (here.some(({ direction }) => direction === 'incoming')) fail('fenced', 'isolated here');
      if (session.there.cut && has('asks-the-fenced')) fail('unreachable', 'no word of the other');
      const lineage = `lineage-${session.store.next()}`;
      for (const device of here) {
        device.direction = 'outgoing';
        if (!has('fences-in-old-lineage')) device.lineage = lineage;
      }
      for (const device of there)
        Object.assign(device, { direction: 'incoming', access: 'read-only' });
    },
    () => undefined,
  );

const resync = (has: Has) =>
  onStretched(
    has,
    (_, { here, there }) => {
      for (const [position, device] of here.entries()) {
        const { lineage } = device;
        const back = { direction: 'stretched', access: 'read-write' };
        Object.assign(device, back);
        const old = has('lets-old-back') ? there[position]?.lineage : lineage;
        Object.assign(there[position] ?? {}, back, { lineage: old });
      }
    },
    ({ here }) => {
      if (has('stops-to-resync')) for (const vm of here.vms.values()) vm.on = false;
    },
  );

const off: ToyVm = { registered: false, on: false, boot: 0, resumedAt: 0 };

const goOver = (has: Has, { here, there, store }: ToySession, id: string): void => {
  const datastore = vmOn[id] ?? missing(has);
  const device = here.devices.get(datastoreOf[datastore] ?? '');
  const name = `production ${id}`;
  const vm = here.vms.get(name) ?? off;
  if (!vm.on) {
    if (there.vms.get(name)?.on) return;
    fail('conflict', `${id} does not run here`);
  }
  if (device?.direction !== 'stretched' && !has('migrates-plain')) fail('refused', 'not stretched');
  const boot = has('reboots-on-the-way') ? store.next() : vm.boot;
  there.vms.set(name, { ...vm, boot });
  there.mounted.add(`production ${datastore}`);
  const peer = there.devices.get(device?.id ?? '');
  if (peer && device) peer.heartbeat = device.heartbeat;
  if (!has('runs-twice')) Object.assign(vm, { on: false, registered: false });
  store.migrated.add(id);
};

/** There was one migration of a VM at the most, so its name is the VM's. */
const migrationOf = (has: Has, { here, store }: ToySession, id: string): MigrationStatus => {
  if (!store.migrated.has(id)) return { state: 'none' };
  const state = 'completed';
  if (here.vms.get(`production ${id}`)?.on !== true) return { state, departure: 'gone' };
  const [startedId, migrationId] = [id, has('marks-another') ? `${id}-before` : id];
  const placeholder = { vmId: id, migrationId };
  const arrival = { startedId, placeholder, completedId: migrationId };
  return { state, arrival: { ...arrival, execution: 'running' } };
};

export const stretchedVerbsOf = (has: Has): PluginVerbs<ToySession> => ({
  setSitePreference: prefer(has),
  fence: fence(has),
  resync: resync(has),
  migrateLive: verb<VmTarget>(has, ({ session }) => ({ id }) => {
    goOver(has, session, id);
    return undefined;
  }),
  cancelMigration: verb<VmTarget>(has, ({ session }) => ({ id }) => {
    if (vmOn[id] === undefined) missing(has);
    const late = session.store.migrated.has(id) && !has('cancels-too-late');
    if (late) fail('conflict', `${id} has gone over`);
    return undefined;
  }),
  migrationStatus: ({ session, targets }) =>
    targets.map(({ id }) =>
      vmOn[id] === undefined
        ? { id, fault: { kind: 'missing', owner: 'array', message: `no VM ${id}` } }
        : { id, value: migrationOf(has, session, id) },
    ),
});
