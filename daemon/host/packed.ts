/**
 * Devices as bytes of the contract: `DiscoverDevicesResponse.devices`, one record after the other,
 * as they go to whoever asked. An array may have a hundred thousand, and who only passes them on
 * needs no object for each: what a plugin answered is judged and written in one go, without a copy
 * in between. Written by hand, since it is done where plugins run, and held to the contract's own
 * code by a test. What is no whole number is rounded, and an empty text is absent.
 */
import {
  type Access,
  type Device,
  type Direction,
  type PairState,
  pairStates,
  type UpdateMode,
} from '../../sdk/plugin/model.ts';
import { isId, isSize } from './plain.ts';
import { Writer } from './writer.ts';

/** Some devices, in portions that fit one message each. */
export interface PackedDevices {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where each portion ends. */
  readonly ends: readonly number[];
}

/** Words of the contract, which numbers them from 1, in its order. */
export const directions: readonly Direction[] = ['outgoing', 'incoming', 'stretched', 'none'];
export const accesses: readonly Access[] = ['read-write', 'read-only'];
export const modes: readonly UpdateMode[] = ['active', 'synchronous', 'asynchronous', 'adaptive'];
export const states: readonly PairState[] = pairStates;

const numbersOf = (words: readonly string[]): ReadonlyMap<unknown, number> =>
  new Map(words.map((word, at) => [word, at + 1]));

const directionNumbers = numbersOf(directions);
const accessNumbers = numbersOf(accesses);
const stateNumbers = numbersOf(states);
const modeNumbers = numbersOf(modes);

/** Of DiscoverDevicesResponse. */
const devicesField = 2;

const nanosPerMs = 1_000_000;

/** As plugins answer them: any of it may be anything. */
type Raw<T> = { readonly [K in keyof T]?: unknown };

const isRaw = (raw: unknown): raw is object => typeof raw === 'object' && raw !== null;

const pointInto = (writer: Writer, raw: unknown): boolean => {
  if (!isRaw(raw)) return false;
  const { id, atMs, by }: Raw<NonNullable<Device['lastRecoveryPoint']>> = raw;
  if (!isId(id) || typeof by !== 'string' || !Number.isFinite(atMs)) return false;
  const record = writer.open(10);
  writer.text(1, id);
  const wholeMs = Math.trunc(atMs as number);
  const seconds = Math.floor(wholeMs / 1_000);
  const moment = writer.open(2);
  // Before 1970 a varint takes ten bytes: nobody has recovery points of then.
  if (seconds > 0) writer.field(1, seconds);
  if (seconds >= 0 && wholeMs % 1_000 > 0) writer.field(2, (wholeMs % 1_000) * nanosPerMs);
  writer.close(moment);
  writer.text(3, by);
  writer.close(record);
  return true;
};

const peerInto = (writer: Writer, raw: unknown): boolean => {
  if (!isRaw(raw)) return false;
  const { arrayId, deviceId }: Raw<NonNullable<Device['peer']>> = raw;
  if (!isId(arrayId) || !isId(deviceId)) return false;
  const record = writer.open(7);
  writer.text(1, arrayId);
  writer.text(2, deviceId);
  writer.close(record);
  return true;
};

/** What every device has. */
const coreInto = (writer: Writer, raw: Raw<Device>): boolean => {
  const { id, name, sizeBytes } = raw;
  const direction = directionNumbers.get(raw.direction);
  const access = accessNumbers.get(raw.access);
  const state = stateNumbers.get(raw.pairState);
  if (!isId(id) || typeof name !== 'string' || !isSize(sizeBytes)) return false;
  if (direction === undefined || access === undefined || state === undefined) return false;
  writer.text(1, id);
  writer.text(2, name);
  const size = Math.round(sizeBytes);
  if (size > 0) writer.field(3, size);
  writer.field(4, direction);
  writer.field(5, access);
  writer.field(6, state);
  return true;
};

/*
 * What may be left out. A field that is there and undefined is for the shape to judge; each is
 * asked for by its own name, which is many times as quick as by a table of names.
 */

/** How it is replicated. */
const pairInto = (writer: Writer, raw: Raw<Device>): boolean => {
  const { peer, groupId, updateMode, lastRecoveryPoint: point } = raw;
  if (peer === undefined ? 'peer' in raw : !peerInto(writer, peer)) return false;
  if (groupId === undefined ? 'groupId' in raw : !isId(groupId)) return false;
  writer.text(8, groupId as string | undefined);
  if (updateMode === undefined) {
    if ('updateMode' in raw) return false;
  } else {
    const mode = modeNumbers.get(updateMode);
    if (mode === undefined) return false;
    writer.field(9, mode);
  }
  return point === undefined ? !('lastRecoveryPoint' in raw) : pointInto(writer, point);
};

const isText = (raw: unknown): raw is string => typeof raw === 'string';

/** What hosts see of it, and whose it is. */
const identityInto = (writer: Writer, raw: Raw<Device>): boolean => {
  const { hostIdentity: host, lineage, stretched, preferredSiteId: site } = raw;
  if (host === undefined ? 'hostIdentity' in raw : !isText(host)) return false;
  if (lineage === undefined ? 'lineage' in raw : !isText(lineage)) return false;
  if (stretched === undefined ? 'stretched' in raw : typeof stretched !== 'boolean') return false;
  if (site === undefined ? 'preferredSiteId' in raw : !isId(site)) return false;
  writer.text(11, host as string | undefined);
  writer.text(12, lineage as string | undefined);
  if (stretched === true) writer.field(13, 1);
  writer.text(14, site as string | undefined);
  return true;
};

/** How far it lags. */
const lagInto = (writer: Writer, raw: Raw<Device>): boolean => {
  const { rpoMs, divergedBytes } = raw;
  if (rpoMs === undefined ? 'rpoMs' in raw : !isSize(rpoMs)) return false;
  if (divergedBytes === undefined ? 'divergedBytes' in raw : !isSize(divergedBytes)) return false;
  if (rpoMs !== undefined) writer.field(15, Math.round(rpoMs as number));
  if (divergedBytes !== undefined) writer.wide(16, Math.round(divergedBytes as number));
  return true;
};

/** False: not surely well-formed, and no more than a part of it was written. */
const deviceInto = (writer: Writer, raw: unknown): boolean => {
  if (!isRaw(raw)) return false;
  const record = writer.record(devicesField);
  const isSound =
    coreInto(writer, raw) &&
    pairInto(writer, raw) &&
    identityInto(writer, raw) &&
    lagInto(writer, raw);
  writer.close(record);
  return isSound;
};

const writer = new Writer();

/**
 * What a plugin answered, in portions of up to `perPortion` devices each. Undefined: not each is
 * surely well-formed; then the shape is asked, which knows what is wrong.
 */
export const packPlain = (
  devices: readonly unknown[],
  perPortion: number,
): PackedDevices | undefined => {
  writer.at = 0;
  const ends: number[] = [];
  for (let n = 0; n < devices.length; n++) {
    if (!deviceInto(writer, devices[n])) return undefined;
    if ((n + 1) % perPortion === 0 || n + 1 === devices.length) ends.push(writer.at);
  }
  return { bytes: writer.written(), ends };
};

/** As `packPlain`, of devices that were checked. */
export const packDevices = (devices: readonly Device[], perPortion: number): PackedDevices => {
  const packed = packPlain(devices, perPortion);
  if (packed === undefined) throw new Error('packed: a device that was not checked');
  return packed;
};

/** One after the other. */
export const joinPacked = (all: readonly PackedDevices[]): PackedDevices => {
  const [first] = all;
  if (all.length === 1 && first !== undefined) return first;
  const bytes = new Uint8Array(all.reduce((sum, one) => sum + one.bytes.length, 0));
  const ends: number[] = [];
  let from = 0;
  for (const one of all) {
    bytes.set(one.bytes, from);
    for (const end of one.ends) ends.push(from + end);
    from += one.bytes.length;
  }
  return { bytes, ends };
};

export const portionsOf = ({ bytes, ends }: PackedDevices): readonly Uint8Array[] =>
  ends.map((end, at) => bytes.subarray(at === 0 ? 0 : ends[at - 1], end));
