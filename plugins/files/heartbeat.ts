/**
 * A VM's heartbeats on disk: fixed records in a ring, each with its own checksum, so that whatever
 * happens to a disk, lost, repeated and interleaved writes can be told from the bytes alone.
 *
 * A VM on several devices writes sequence n to device n modulo their number: a copy of the devices
 * that is not of one moment shows as a gap.
 */
import { readSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import { heartbeatBytes } from './limits.ts';

export interface Heartbeat {
  readonly sequence: number;
  readonly atMs: number;
  /** Of the lineage under which it was written. */
  readonly lineage: string;
  readonly bootId: string;
}

/** Part of an image, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

const magic = 0x48425431;
const lineageBytes = 16;
const bootIdBytes = 16;

/** `bootId`: 32 hex digits; `lineage`: at most 16 ASCII characters. */
export const encodeHeartbeat = (heartbeat: Heartbeat): Buffer => {
  const record = Buffer.alloc(heartbeatBytes);
  record.writeUInt32LE(magic, 0);
  record.writeBigUInt64LE(BigInt(heartbeat.sequence), 8);
  record.writeDoubleLE(heartbeat.atMs, 16);
  record.write(heartbeat.lineage, 24, lineageBytes, 'latin1');
  record.write(heartbeat.bootId, 40, bootIdBytes, 'hex');
  record.writeUInt32LE(crc32(record.subarray(8)), 4);
  return record;
};

/** Undefined: no record, or a torn one. */
export const decodeHeartbeat = (record: Buffer): Heartbeat | undefined => {
  if (record.readUInt32LE(0) !== magic) return undefined;
  if (record.readUInt32LE(4) !== crc32(record.subarray(8))) return undefined;
  return {
    sequence: Number(record.readBigUInt64LE(8)),
    atMs: record.readDoubleLE(16),
    lineage: record.toString('latin1', 24, 24 + lineageBytes).replace(/\0+$/, ''),
    bootId: record.toString('hex', 40, 40 + bootIdBytes),
  };
};

/**
 * Where a sequence number is written: which of the VM's extents, and at which byte of the image.
 */
export const placeOf = (
  sequence: number,
  extents: readonly Extent[],
): { readonly disk: number; readonly offset: number } => {
  const disk = sequence % extents.length;
  const { offset, length } = extents[disk] as Extent;
  const slots = Math.floor(length / heartbeatBytes);
  const slot = Math.floor(sequence / extents.length) % slots;
  return { disk, offset: offset + slot * heartbeatBytes };
};

/** Every whole record of an extent, in no order. */
export const readExtent = (fd: number, { offset, length }: Extent): Heartbeat[] => {
  const bytes = Buffer.alloc(length);
  const read = readSync(fd, bytes, 0, length, offset);
  const found: Heartbeat[] = [];
  for (let at = 0; at + heartbeatBytes <= read; at += heartbeatBytes) {
    const heartbeat = decodeHeartbeat(bytes.subarray(at, at + heartbeatBytes));
    if (heartbeat !== undefined) found.push(heartbeat);
  }
  return found;
};
