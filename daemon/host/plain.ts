/**
 * Clean copies of what is listed and looked at by the ten thousand, made without the shapes, at a
 * fraction of their cost. Undefined: not surely well-formed; then the shape is asked, which knows
 * what is wrong.
 */
import type {
  Datastore,
  Device,
  PairState,
  Peer,
  RecoveryPoint,
  UpdateMode,
  Vm,
  VmStatus,
} from '../../sdk/plugin/model.ts';
import { pairStates } from '../../sdk/plugin/model.ts';

type Fields = Readonly<Record<string, unknown>>;

const isFields = (raw: unknown): raw is Fields => typeof raw === 'object' && raw !== null;
export const isId = (raw: unknown): raw is string => typeof raw === 'string' && raw !== '';
export const isSize = (raw: unknown): raw is number =>
  typeof raw === 'number' && raw >= 0 && raw < Number.POSITIVE_INFINITY;

const states: ReadonlySet<unknown> = new Set(pairStates);
const directions: ReadonlySet<unknown> = new Set(['outgoing', 'incoming', 'stretched', 'none']);
const modes: ReadonlySet<unknown> = new Set(['active', 'synchronous', 'asynchronous', 'adaptive']);

/** The status of a VM that has run. */
export const plainVmStatus = (raw: unknown): VmStatus | undefined => {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { id, registered, power, bootId, heartbeat, resumedAt } = raw as Required<VmStatus>;
  const isSound =
    isId(id) &&
    typeof registered === 'boolean' &&
    (power === 'on' || power === 'off') &&
    typeof bootId === 'string' &&
    Number.isFinite(heartbeat) &&
    Number.isFinite(resumedAt);
  return isSound ? { id, registered, power, bootId, heartbeat, resumedAt } : undefined;
};

export const plainVm = (raw: unknown): Vm | undefined => {
  if (!isFields(raw)) return undefined;
  const { id, name, datastoreIds, power, instance } = raw as unknown as Vm;
  const isSound =
    isId(id) &&
    typeof name === 'string' &&
    Array.isArray(datastoreIds) &&
    datastoreIds.every(isId) &&
    (power === 'on' || power === 'off') &&
    (instance === 'production' || instance === 'test');
  return isSound ? { id, name, datastoreIds: [...datastoreIds], power, instance } : undefined;
};

const plainPeer = (raw: unknown): Peer | undefined => {
  if (!isFields(raw)) return undefined;
  const { arrayId, deviceId } = raw;
  return isId(arrayId) && isId(deviceId) ? { arrayId, deviceId } : undefined;
};

export const plainDatastore = (raw: unknown): Datastore | undefined => {
  if (!isFields(raw)) return undefined;
  const { id, name, devices, mounted, instance } = raw as unknown as Datastore;
  const isSound =
    isId(id) &&
    typeof name === 'string' &&
    typeof mounted === 'boolean' &&
    (instance === 'production' || instance === 'test');
  if (!isSound || !Array.isArray(devices)) return undefined;
  const peers = devices.map(plainPeer);
  if (peers.includes(undefined)) return undefined;
  return { id, name, devices: peers as Peer[], mounted, instance };
};

const plainPoint = (raw: unknown): RecoveryPoint | undefined => {
  if (!isFields(raw)) return undefined;
  const { id, atMs, by } = raw;
  const isSound = isId(id) && typeof by === 'string' && Number.isFinite(atMs);
  return isSound ? { id, atMs: atMs as number, by } : undefined;
};

/** What every device has. */
const plainCore = (raw: Fields): Device | undefined => {
  const { id, name, sizeBytes, direction, access, pairState } = raw as unknown as Device;
  const isSound =
    isId(id) &&
    typeof name === 'string' &&
    isSize(sizeBytes) &&
    directions.has(direction) &&
    (access === 'read-write' || access === 'read-only') &&
    states.has(pairState);
  if (!isSound) return undefined;
  return { id, name, sizeBytes, direction, access, pairState: pairState as PairState };
};

/** What may be left out, with what it must be when it is there. */
const optional: readonly (readonly [keyof Device, (raw: unknown) => unknown])[] = [
  ['peer', plainPeer],
  ['groupId', (raw) => (isId(raw) ? raw : undefined)],
  ['updateMode', (raw) => (modes.has(raw) ? (raw as UpdateMode) : undefined)],
  ['lastRecoveryPoint', plainPoint],
  ['hostIdentity', (raw) => (typeof raw === 'string' ? raw : undefined)],
  ['lineage', (raw) => (typeof raw === 'string' ? raw : undefined)],
  ['stretched', (raw) => (typeof raw === 'boolean' ? raw : undefined)],
  ['preferredSiteId', (raw) => (isId(raw) ? raw : undefined)],
  ['rpoMs', (raw) => (isSize(raw) ? raw : undefined)],
  ['divergedBytes', (raw) => (isSize(raw) ? raw : undefined)],
];

export const plainDevice = (raw: unknown): Device | undefined => {
  if (!isFields(raw)) return undefined;
  const core = plainCore(raw);
  if (core === undefined) return undefined;
  const device: Record<string, unknown> = { ...core };
  for (const [name, plain] of optional) {
    const given = raw[name];
    // A field that is there and undefined is for the shape to judge.
    if (given === undefined) {
      if (name in raw) return undefined;
      continue;
    }
    const value = plain(given);
    if (value === undefined) return undefined;
    device[name] = value;
  }
  return device as unknown as Device;
};
