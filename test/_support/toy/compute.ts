/** The toy's compute verbs: a VM is a counter that writes its value to its device. */
import type { DatastoreTarget, Instance, Page, PluginVerbs, VmTarget } from '@siteswap/sdk/plugin';
import { arrive, fail, type Has, missing, type ToySession, verb } from './calls.ts';
import { datastoreOf, isStretched, type ToyDevice, type ToyVm, vmOn } from './store.ts';

const nameOf = (id: string, instance: Instance): string => `${instance} ${id}`;

const deviceOf = (session: ToySession, datastoreId: string): ToyDevice =>
  session.here.devices.get(datastoreOf[datastoreId] ?? '') ?? fail('missing', 'no such device');

const vmOf = (session: ToySession, target: VmTarget): ToyVm => {
  const name = nameOf(target.id, target.instance);
  const vm = session.here.vms.get(name) ?? { registered: false, on: false, boot: 0, resumedAt: 0 };
  session.here.vms.set(name, vm);
  return vm;
};

const onDatastore = (
  has: Has,
  work: (session: ToySession, target: DatastoreTarget, name: string) => void,
) =>
  verb<DatastoreTarget>(has, ({ session }) => (target) => {
    if (datastoreOf[target.id] === undefined) missing(has);
    work(session, target, nameOf(target.id, target.instance));
    return undefined;
  });

const onVm = (has: Has, work: (session: ToySession, vm: ToyVm, target: VmTarget) => void) =>
  verb<VmTarget>(has, ({ session }) => (target) => {
    if (vmOn[target.id] === undefined) missing(has);
    work(session, vmOf(session, target), target);
    return undefined;
  });

const isMounted = (session: ToySession, { id, instance }: VmTarget): boolean =>
  session.here.mounted.has(nameOf(vmOn[id] ?? '', instance));

interface PageRequest {
  readonly token?: string;
  readonly sizeMax: number;
}

const pageOf = <T>(all: readonly T[], { token, sizeMax }: PageRequest): Page<T> => {
  const from = Number(token ?? 0);
  const end = from + sizeMax;
  const items = all.slice(from, end);
  return end < all.length ? { items, next: String(end) } : { items };
};

const datastores = (has: Has): PluginVerbs<ToySession> => ({
  listDatastores: ({ session, page }) => {
    const all = Object.entries(datastoreOf).flatMap(([id, deviceId]) =>
      (['production', 'test'] as const).map((instance) => ({
        id,
        name: id,
        instance,
        mounted: session.here.mounted.has(nameOf(id, instance)),
        devices: [{ arrayId: session.side, deviceId }],
      })),
    );
    return pageOf(all, page);
  },
  mount: onDatastore(has, (session, { id, instance }, name) => {
    const device = deviceOf(session, id);
    const ready =
      instance === 'test'
        ? session.here.testCopies.has(device.id)
        : device.access === 'read-write' || has('promotes-anyway');
    if (!ready) fail('conflict', `the device of ${id} takes no writer here`);
    session.here.mounted.add(name);
  }),
  unmount: onDatastore(has, (session, { id, instance }, name) => {
    const used = Object.keys(vmOn).some(
      (vm) => vmOn[vm] === id && session.here.vms.get(nameOf(vm, instance))?.on,
    );
    if (used && !has('unmounts-under-vm')) fail('conflict', `a VM runs on ${id}`);
    session.here.mounted.delete(name);
  }),
});

const vms = (has: Has): PluginVerbs<ToySession> => ({
  listVms: async ({ session, page, signal }) => {
    await arrive(session, signal, has);
    const all = Object.entries(vmOn).map(([id, datastoreId]) => ({
      id,
      name: id,
      datastoreIds: [datastoreId],
      power: session.here.vms.get(nameOf(id, 'production'))?.on
        ? ('on' as const)
        : ('off' as const),
      instance: 'production' as const,
    }));
    return pageOf(all, page);
  },
  vmStatus: ({ session, targets }) =>
    targets.map((target) => {
      const { id } = target;
      if (vmOn[id] === undefined) {
        return { id, fault: { kind: 'missing', owner: 'array', message: `no VM ${id}` } };
      }
      const { registered, on, boot, resumedAt } = vmOf(session, target);
      const { heartbeat } = deviceOf(session, vmOn[id]);
      const power = on ? 'on' : 'off';
      return { id, value: { id, registered, power, bootId: `${boot}`, heartbeat, resumedAt } };
    }),
  register: onVm(has, (session, vm, target) => {
    if (!isMounted(session, target)) fail('conflict', `${target.id} has no datastore here`);
    vm.registered = true;
  }),
  unregister: onVm(has, (session, vm, target) => {
    if (vm.on) fail('conflict', `${target.id} runs`);
    vm.registered = false;
    if (has('leaves-test-copy') && target.instance === 'test') vm.registered = true;
    session.here.files.delete(target.id);
  }),
  powerOn: onVm(has, (session, vm, target) => {
    if (!vm.registered && !has('powers-on-unregistered')) fail('conflict', 'not registered');
    const device = deviceOf(session, vmOn[target.id] as string);
    const isolated = isStretched(target.id) && device.access !== 'read-write';
    if (isolated && !has('starts-fenced-vms')) fail('fenced', 'the device was isolated here');
    session.store.migrated.delete(target.id);
    Object.assign(vm, { on: true, boot: session.store.next(), resumedAt: device.heartbeat });
    if (target.instance === 'production') device.heartbeat += 10;
  }),
  shutDown: onVm(has, (_, vm) => {
    vm.on = false;
  }),
  powerOff: onVm(has, (_, vm) => {
    vm.on = false;
  }),
});

export const computeVerbsOf = (has: Has): PluginVerbs<ToySession> => ({
  ...datastores(has),
  ...vms(has),
});
