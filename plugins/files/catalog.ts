/**
 * A datastore's catalog, inside the bytes of its device, so that replication carries it: which VMs
 * have which part of the device, and small files. Two slots are written in turn, each with its
 * checksum: a torn write leaves the older one.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { failure, isMissingFile } from './faults.ts';
import type { Extent } from './heartbeat.ts';
import { blockBytes, slotBytesMax } from './limits.ts';

export interface CatalogVm {
  readonly id: string;
  readonly name: string;
  readonly extent: Extent;
  /** Which of the VM's disks this is, of how many. */
  readonly disk: number;
  readonly disks: number;
  /** The guest does not stop when it is asked to. */
  readonly ignoresShutDown?: boolean;
  /** It is being copied here by this storage migration: no VM yet. */
  readonly copying?: string;
}

export interface Catalog {
  readonly datastoreId: string;
  readonly name: string;
  readonly vms: readonly CatalogVm[];
  /** Path → content. */
  readonly files: Readonly<Record<string, string>>;
}

interface Slot {
  readonly generation: number;
  readonly catalog: Catalog;
}

const magic = 0x53574453;
const headerBytes = 20;

/** Bytes of one slot on a device of this size: both take an eighth each, at the most. */
export const slotBytesOf = (sizeBytes: number): number =>
  Math.min(slotBytesMax, Math.floor(sizeBytes / 8 / blockBytes) * blockBytes);

const encodeSlot = (slot: Slot, slotBytes: number): Buffer => {
  const content = Buffer.from(JSON.stringify(slot.catalog));
  if (headerBytes + content.length > slotBytes) {
    throw failure('refused', `datastore ${slot.catalog.datastoreId} is full`, {
      code: 'FILES_DATASTORE_FULL',
      hint: 'Remove files from it, or provision larger devices.',
    });
  }
  const bytes = Buffer.alloc(headerBytes + content.length);
  bytes.writeUInt32LE(magic, 0);
  bytes.writeBigUInt64LE(BigInt(slot.generation), 4);
  bytes.writeUInt32LE(content.length, 12);
  bytes.writeUInt32LE(crc32(content), 16);
  content.copy(bytes, headerBytes);
  return bytes;
};

const readSlot = async (handle: FileHandle, offset: number): Promise<Slot | undefined> => {
  const header = Buffer.alloc(headerBytes);
  await handle.read(header, 0, headerBytes, offset);
  const length = header.readUInt32LE(12);
  if (header.readUInt32LE(0) !== magic || length > slotBytesMax) return undefined;
  const content = Buffer.alloc(length);
  await handle.read(content, 0, length, offset + headerBytes);
  if (header.readUInt32LE(16) !== crc32(content)) return undefined;
  const catalog = JSON.parse(content.toString()) as Catalog;
  return { generation: Number(header.readBigUInt64LE(4)), catalog };
};

const newestSlot = async (handle: FileHandle): Promise<Slot | undefined> => {
  const { size } = await handle.stat();
  const first = await readSlot(handle, 0);
  const second = await readSlot(handle, slotBytesOf(size));
  if (first === undefined || second === undefined) return first ?? second;
  return first.generation > second.generation ? first : second;
};

/** The VMs that stand there: not those that are only being copied. */
export const standingVms = ({ vms }: Catalog): readonly CatalogVm[] =>
  vms.filter(({ copying }) => copying === undefined);

/** Room for so many bytes beside what is there already; undefined: there is none. */
export const freeExtent = (
  { vms }: Catalog,
  sizeBytes: number,
  length: number,
): Extent | undefined => {
  let offset = 2 * slotBytesOf(sizeBytes);
  for (const { extent } of vms.toSorted((a, b) => a.extent.offset - b.extent.offset)) {
    if (extent.offset - offset >= length) break;
    offset = extent.offset + extent.length;
  }
  return offset + length <= sizeBytes ? { offset, length } : undefined;
};

/** The catalog of an image; undefined when the device holds no datastore. */
export const readCatalog = async (image: string): Promise<Catalog | undefined> => {
  let handle: FileHandle;
  try {
    handle = await open(image, 'r');
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
  try {
    return (await newestSlot(handle))?.catalog;
  } finally {
    await handle.close();
  }
};

/** Replaces the catalog. The caller holds the group's lock and has checked its role. */
export const writeCatalog = async (image: string, catalog: Catalog): Promise<void> => {
  const handle = await open(image, constants.O_RDWR);
  try {
    const { size } = await handle.stat();
    const newest = await newestSlot(handle);
    const generation = (newest?.generation ?? 0) + 1;
    const slotBytes = slotBytesOf(size);
    const bytes = encodeSlot({ generation, catalog }, slotBytes);
    await handle.write(bytes, 0, bytes.length, (generation % 2) * slotBytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
};
