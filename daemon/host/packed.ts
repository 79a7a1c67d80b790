/**
 * Devices as bytes of the contract: `DiscoverDevicesResponse.devices`, one record after the other,
 * as they go to whoever asked. An array may have a hundred thousand, and who only passes them on
 * needs no object for each. Written by hand, since it is done where plugins run, and held to the
 * contract's own code by a test. What is no whole number is rounded, and an empty text is absent.
 */
import {
  type Access,
  type Device,
  type Direction,
  type PairState,
  type Peer,
  pairStates,
  type RecoveryPoint,
  type UpdateMode,
} from '../../sdk/plugin/model.ts';

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

const numbersOf = (words: readonly string[]): ReadonlyMap<string | undefined, number> =>
  new Map(words.map((word, at) => [word, at + 1]));

const directionNumbers = numbersOf(directions);
const accessNumbers = numbersOf(accesses);
const stateNumbers = numbersOf(states);
const modeNumbers = numbersOf(modes);

const varint = 0;
const chunk = 2;
const tagOf = (field: number, wire: number): number => (field << 3) | wire;

/** Of DiscoverDevicesResponse. */
const devicesField = 2;

const utf8BytesPerUnitMax = 3;
/** Everything of a record but its texts, generously. */
const recordBytesMax = 256;

class Writer {
  bytes = Buffer.allocUnsafeSlow(64 * 1024);
  at = 0;

  room(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, this.at + count));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }

  number(value: number): void {
    let left = value;
    while (left > 0x7f) {
      this.bytes[this.at++] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.bytes[this.at++] = left;
  }

  /** Of a field below 16, whose tag is one byte; of any other `wide`. */
  field(field: number, value: number): void {
    this.bytes[this.at++] = tagOf(field, varint);
    this.number(value);
  }

  wide(field: number, value: number): void {
    this.number(tagOf(field, varint));
    this.number(value);
  }

  /** There must be room for it. */
  text(field: number, text: string | undefined): void {
    if (text === undefined || text === '') return;
    this.bytes[this.at++] = tagOf(field, chunk);
    if (text.length < 0x80 && this.#plain(text)) return;
    const length = Buffer.byteLength(text);
    this.number(length);
    this.at += this.bytes.write(text, this.at, length, 'utf8');
  }

  /** A short text of ASCII, without leaving for the runtime's own code. */
  #plain(text: string): boolean {
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = text.length;
    for (let unit = 0; unit < text.length; unit++) {
      const code = text.charCodeAt(unit);
      if (code > 0x7f) return false;
      bytes[at++] = code;
    }
    this.at = at;
    return true;
  }

  /** Begins a record; answers where it does. */
  open(field: number): number {
    this.bytes[this.at++] = tagOf(field, chunk);
    return this.at++;
  }

  /** Ends the record that began there: its length goes before it. */
  close(before: number): void {
    const length = this.at - before - 1;
    if (length <= 0x7f) {
      this.bytes[before] = length;
      return;
    }
    const more = length <= 0x3fff ? 1 : length <= 0x1fffff ? 2 : 3;
    this.bytes.copyWithin(before + 1 + more, before + 1, this.at);
    this.at = before;
    this.number(length);
    this.at += length;
  }
}

const nanosPerMs = 1_000_000;

const pointInto = (writer: Writer, { id, atMs, by }: RecoveryPoint): void => {
  const record = writer.open(10);
  writer.text(1, id);
  const wholeMs = Math.trunc(atMs);
  const seconds = Math.floor(wholeMs / 1_000);
  const moment = writer.open(2);
  // Before 1970 a varint takes ten bytes: nobody has recovery points of then.
  if (seconds > 0) writer.field(1, seconds);
  if (seconds >= 0 && wholeMs % 1_000 > 0) writer.field(2, (wholeMs % 1_000) * nanosPerMs);
  writer.close(moment);
  writer.text(3, by);
  writer.close(record);
};

const peerInto = (writer: Writer, { arrayId, deviceId }: Peer): void => {
  const record = writer.open(7);
  writer.text(1, arrayId);
  writer.text(2, deviceId);
  writer.close(record);
};

/** Bytes that the texts of a device take at the most. */
const textBytesMax = (device: Device): number => {
  const { peer, lastRecoveryPoint: point } = device;
  const units =
    device.id.length +
    device.name.length +
    (device.groupId?.length ?? 0) +
    (device.hostIdentity?.length ?? 0) +
    (device.lineage?.length ?? 0) +
    (device.preferredSiteId?.length ?? 0) +
    (peer === undefined ? 0 : peer.arrayId.length + peer.deviceId.length) +
    (point === undefined ? 0 : point.id.length + point.by.length);
  return units * utf8BytesPerUnitMax;
};

const deviceInto = (writer: Writer, device: Device): void => {
  const { peer, lastRecoveryPoint: point, rpoMs, divergedBytes } = device;
  writer.room(textBytesMax(device) + recordBytesMax);
  const record = writer.open(devicesField);
  writer.text(1, device.id);
  writer.text(2, device.name);
  const size = Math.round(device.sizeBytes);
  if (size > 0) writer.field(3, size);
  writer.field(4, directionNumbers.get(device.direction) ?? 0);
  writer.field(5, accessNumbers.get(device.access) ?? 0);
  writer.field(6, stateNumbers.get(device.pairState) ?? 0);
  if (peer !== undefined) peerInto(writer, peer);
  writer.text(8, device.groupId);
  if (device.updateMode !== undefined) writer.field(9, modeNumbers.get(device.updateMode) ?? 0);
  if (point !== undefined) pointInto(writer, point);
  writer.text(11, device.hostIdentity);
  writer.text(12, device.lineage);
  if (device.stretched === true) writer.field(13, 1);
  writer.text(14, device.preferredSiteId);
  if (rpoMs !== undefined) writer.field(15, Math.round(rpoMs));
  if (divergedBytes !== undefined) writer.wide(16, Math.round(divergedBytes));
  writer.close(record);
};

const writer = new Writer();

/** Portions of up to `perPortion` devices each. */
export const packDevices = (devices: readonly Device[], perPortion: number): PackedDevices => {
  writer.at = 0;
  const ends: number[] = [];
  for (let n = 0; n < devices.length; n++) {
    deviceInto(writer, devices[n] as Device);
    if ((n + 1) % perPortion === 0 || n + 1 === devices.length) ends.push(writer.at);
  }
  // A copy of its own, that can be handed to another thread.
  return { bytes: new Uint8Array(writer.bytes.subarray(0, writer.at)), ends };
};

export const portionsOf = ({ bytes, ends }: PackedDevices): readonly Uint8Array[] =>
  ends.map((end, at) => bytes.subarray(at === 0 ? 0 : ends[at - 1], end));
