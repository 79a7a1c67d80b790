/** Plugins, sites, remotes and what they hold: core → contract. */
import {
  Access,
  type Array as ArrayMessage,
  type Datastore as DatastoreMessage,
  type Device as DeviceMessage,
  Direction,
  PairState,
  type Plugin,
  type RecoveryPoint as RecoveryPointMessage,
  type Remote,
  UpdateMode,
  type Vm as VmMessage,
} from '../../proto/gen/siteswap/v1/inventory.ts';
import type { Site } from '../../proto/gen/siteswap/v1/site.ts';
import type { ArrayInfo, Datastore, Device, RecoveryPoint, Vm } from '../../sdk/plugin/model.ts';
import type { RemoteEvidence } from '../core/inventory.ts';
import type { PluginState, RemoteState, SiteState } from '../runner/service.ts';
import {
  accesses,
  directions,
  instances,
  pairs,
  powers,
  remoteHealths,
  remoteKinds,
  updateModes,
} from './vocabulary.ts';

/** 0 stands for never. */
export const momentTo = (atMs: number | undefined): Date | undefined =>
  atMs ? new Date(atMs) : undefined;

export const pluginTo = ({ description, misconfigured, ...state }: PluginState): Plugin => ({
  ...state,
  name: description?.name ?? '',
  version: description?.version ?? '',
  contract: description?.contract ?? 0,
  verbs: (description?.verbs ?? []).map((verb) => ({ ...verb })),
  properties: description && {
    ...description.properties,
    updateModes: description.properties.updateModes.map(updateModeTo),
  },
  misconfigured: [...misconfigured],
});

/** A plugin written in plain JavaScript may name a mode that nobody knows. */
const updateModeTo = (mode: string | undefined): UpdateMode => {
  const known = (['active', 'synchronous', 'asynchronous', 'adaptive'] as const).find(
    (word) => word === mode,
  );
  return known ? updateModes.encode(known) : UpdateMode.UNSPECIFIED;
};

export const siteTo = (site: SiteState): Site => ({
  id: site.id,
  name: site.name,
  lost: site.lost,
  reason: site.reason,
  since: momentTo(site.sinceMs),
  declaredBy: site.declaredBy,
});

export const remoteTo = (remote: RemoteState): Remote => ({
  id: remote.id,
  kind: remoteKinds.encode(remote.kind),
  siteId: remote.siteId,
  pluginId: remote.pluginId,
  health: remoteHealths.encode(remote.health),
  message: remote.message,
  observedTime: momentTo(remote.observedAtMs),
});

export const arrayTo = (
  info: ArrayInfo,
  { remote, observedAtMs }: RemoteEvidence,
): ArrayMessage => ({
  id: info.id,
  siteId: remote.siteId,
  name: info.name,
  vendor: info.vendor,
  model: info.model,
  softwareVersion: info.softwareVersion,
  peerArrayIds: [...info.peerArrayIds],
  observedTime: momentTo(observedAtMs),
});

export const recoveryPointTo = (point: RecoveryPoint): RecoveryPointMessage => ({
  id: point.id,
  time: new Date(point.atMs),
  saidBy: point.by,
});

/** `stale`: what may have changed since is not passed off as what holds. */
export const deviceTo = (device: Device, stale: boolean): DeviceMessage => ({
  id: device.id,
  name: device.name,
  sizeBytes: device.sizeBytes,
  direction: stale ? Direction.UNSPECIFIED : directions.encode(device.direction),
  access: stale ? Access.UNSPECIFIED : accesses.encode(device.access),
  pairState: stale ? PairState.UNKNOWN : pairs.encode(device.pairState),
  stale,
  peer: device.peer && { ...device.peer },
  groupId: device.groupId ?? '',
  updateMode: updateModeTo(device.updateMode),
  lastRecoveryPoint: device.lastRecoveryPoint && recoveryPointTo(device.lastRecoveryPoint),
  hostIdentity: device.hostIdentity ?? '',
  lineage: device.lineage ?? '',
  stretched: device.stretched ?? false,
  preferredSiteId: device.preferredSiteId ?? '',
  rpoMs: device.rpoMs,
  divergedBytes: device.divergedBytes,
});

export const vmTo = (vm: Vm): VmMessage => ({
  id: vm.id,
  name: vm.name,
  datastoreIds: [...vm.datastoreIds],
  power: powers.encode(vm.power),
  instance: instances.encode(vm.instance),
});

export const datastoreTo = (datastore: Datastore): DatastoreMessage => ({
  id: datastore.id,
  name: datastore.name,
  devices: datastore.devices.map((device) => ({ ...device })),
  mounted: datastore.mounted,
  instance: instances.encode(datastore.instance),
});
