/** Listings, page by page. A page token is the position from which the next page goes on. */
import {
  type Datastore,
  type Device,
  FaultError,
  type Page,
  type PageRequest,
  type Vm,
} from '@siteswap/sdk/plugin';
import { nameOf } from './chance.ts';
import { pageItemsMax } from './limits.ts';
import {
  isStretched,
  type LabCompute,
  type LabDatastore,
  type LabDevice,
  type LabStorage,
  type LabVm,
  standsOn,
  type World,
} from './model.ts';
import { no } from './outcome.ts';
import { type Draft, isStill, statusOf } from './readings.ts';

/** Hosts of both sites see a stretched pair as one device. */
const hostIdentityOf = (device: LabDevice): string => {
  const { link, storage, id } = device;
  const isOne = link !== undefined && isStretched(device);
  device.hostIdentity ??= `naa.6${isOne ? nameOf(1, link.id) : nameOf(1, storage.id, id)}`;
  return device.hostIdentity;
};

const deviceItem = (world: World, device: LabDevice, now: number): Device => {
  const { link, peer, groupId } = device;
  const { rpoMs } = world.spec;
  // Of a device that both sites share, an array knows no other end.
  const other = peer?.id === device.id ? undefined : peer;
  const { name, sizeBytes } = device;
  const hostIdentity = hostIdentityOf(device);
  const item: Draft<Device> = { ...statusOf(world, device, now), name, sizeBytes, hostIdentity };
  if (other !== undefined) item.peer = { arrayId: other.storage.id, deviceId: other.id };
  if (groupId !== undefined) item.groupId = groupId;
  if (link !== undefined) item.updateMode = link.mode;
  if (link !== undefined && rpoMs !== undefined) item.rpoMs = rpoMs;
  return item;
};

const vmItem = (vm: LabVm): Vm => ({
  id: vm.image.id,
  name: vm.image.name,
  datastoreIds: standsOn(vm),
  power: vm.on ? 'on' : 'off',
  instance: vm.instance,
});

const datastoreItem = ({ id, devices, mounted, instance }: LabDatastore): Datastore => ({
  id,
  name: id,
  devices: devices.map((device) => ({ arrayId: device.storage.id, deviceId: device.id })),
  mounted,
  instance,
});

const startOf = (page: PageRequest, count: number): number => {
  if (page.token === undefined) return 0;
  const from = /^\d{1,9}$/.test(page.token) ? Number(page.token) : Number.NaN;
  if (from <= count) return from;
  throw new FaultError(no('refused', 'BAD_PAGE', `${page.token} is not a page token of this list`));
};

const pageOf = <T, I>(
  list: readonly T[],
  page: PageRequest,
  isListed: (one: T) => boolean,
  item: (one: T) => I,
): Page<I> => {
  const sizeMax = Math.max(1, Math.min(page.sizeMax, pageItemsMax));
  const items: I[] = [];
  let at = startOf(page, list.length);
  for (; at < list.length && items.length < sizeMax; at++) {
    const one = list[at] as T;
    if (isListed(one)) items.push(item(one));
  }
  return at < list.length ? { items, next: String(at) } : { items };
};

/** A list that changes only when something happens in the world, or is made to happen. */
const vouched = <I>(
  { bornAt, changes }: World,
  page: PageRequest,
  list: () => Page<I>,
): Page<I> => {
  if (page.token !== undefined) return list();
  const revision = `${bornAt}.${changes}`;
  return page.since === revision ? { items: [], unchanged: true } : { ...list(), revision };
};

export const discoverArrays = (
  world: World,
  storage: LabStorage,
  page: PageRequest,
): Page<unknown> => {
  const itself = {
    id: storage.id,
    name: storage.id,
    vendor: 'Siteswap',
    model: 'lab',
    softwareVersion: '1',
    peerArrayIds: [...storage.peerArrayIds],
  };
  return vouched(world, page, () => ({ items: [itself] }));
};

/** Recovery points that move with the time are nothing that a revision could name. */
export const discoverDevices = (
  world: World,
  storage: LabStorage,
  page: PageRequest,
  now: number,
) => {
  const list = () =>
    pageOf(
      storage.order,
      page,
      () => true,
      (device) => deviceItem(world, device, now),
    );
  // It is asked of all of them, so once for a list and not again for each of its pages.
  const isVouched = page.token === undefined && storage.order.every(isStill);
  return isVouched ? vouched(world, page, list) : list();
};

/** A compute lists what is registered with it. */
export const listVms = (world: World, compute: LabCompute, page: PageRequest) =>
  vouched(world, page, () => pageOf(compute.vmOrder, page, (vm) => vm.registered, vmItem));

/** A compute lists every datastore that was mounted there once; a test's only while it is. */
export const listDatastores = (world: World, compute: LabCompute, page: PageRequest) =>
  vouched(world, page, () =>
    pageOf(
      compute.datastoreOrder,
      page,
      (datastore) => datastore.mounted || datastore.instance === 'production',
      datastoreItem,
    ),
  );
