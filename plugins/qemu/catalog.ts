/**
 * The catalog of a datastore: what a device holds, at its beginning, as bytes like all others, so
 * that replication carries it. It stands in two slots that are written in turn: a write that was
 * cut short leaves the one before.
 */
import { crc32 } from 'node:zlib';
import { failure } from './faults.ts';
import { catalogBytesMax, catalogOffset } from './limits.ts';
import type { Export } from './nbd.ts';

/** Part of a device, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** A VM's disk on this datastore. */
export interface CatalogVm {
  readonly id: string;
  readonly name: string;
  /** Position of this disk among the VM's. */
  readonly disk: number;
  readonly extent: Extent;
  /** It is half a copy: of the storage migration of this id, which has not been cut over. */
  readonly copyOf?: string;
}

export interface Catalog {
  readonly datastoreId: string;
  readonly name: string;
  readonly vms: readonly CatalogVm[];
  /** Small files by path. */
  readonly files: Readonly<Record<string, string>>;
}

const magic = 'SSDS';
const headBytes = 16;
/** The first part of a device is left alone, as for a partition table. */
const slots = [catalogOffset, catalogOffset + catalogBytesMax] as const;

/** Where the first VM's disk can stand. */
export const catalogEnd = catalogOffset + 2 * catalogBytesMax;

interface Found {
  readonly sequence: number;
  readonly catalog: Catalog;
}

/** What the first bytes of a slot say of it. */
interface Head {
  readonly offset: number;
  readonly sequence: number;
  readonly length: number;
  readonly sum: number;
}

const headOf = (bytes: Buffer, offset: number): Head | undefined => {
  if (bytes.toString('latin1', 0, 4) !== magic) return undefined;
  const [sequence, length] = [bytes.readUInt32LE(4), bytes.readUInt32LE(8)];
  if (headBytes + length > catalogBytesMax) return undefined;
  return { offset, sequence, length, sum: bytes.readUInt32LE(12) };
};

const bodyOf = async (opened: Export, head: Head): Promise<Found | undefined> => {
  const body = await opened.read(head.offset + headBytes, head.length);
  if (crc32(body) !== head.sum) return undefined;
  return { sequence: head.sequence, catalog: JSON.parse(body.toString('utf8')) as Catalog };
};

const encode = ({ sequence, catalog }: Found): Buffer => {
  const body = Buffer.from(JSON.stringify(catalog));
  if (headBytes + body.length > catalogBytesMax) {
    throw failure('refused', `datastore ${catalog.datastoreId} has no room for more files`);
  }
  const head = Buffer.alloc(headBytes);
  head.write(magic, 0, 'latin1');
  head.writeUInt32LE(sequence, 4);
  head.writeUInt32LE(body.length, 8);
  head.writeUInt32LE(crc32(body), 12);
  return Buffer.concat([head, body]);
};

/** A slot is read only as far as it is written: most of it never was. */
const newest = async (opened: Export): Promise<Found | undefined> => {
  const heads: Head[] = [];
  for (const offset of slots) {
    const head = headOf(await opened.read(offset, headBytes), offset);
    if (head !== undefined) heads.push(head);
  }
  for (const head of heads.sort((a, b) => b.sequence - a.sequence)) {
    const found = await bodyOf(opened, head);
    if (found !== undefined) return found;
  }
  return undefined;
};

/** Undefined: the device holds no datastore. */
export const readCatalog = async (opened: Export): Promise<Catalog | undefined> =>
  (await newest(opened))?.catalog;

export const writeCatalog = async (opened: Export, catalog: Catalog): Promise<void> => {
  const sequence = ((await newest(opened))?.sequence ?? 0) + 1;
  await opened.write(slots[sequence % 2] as number, encode({ sequence, catalog }));
};

/** A free part of a device of so many bytes; undefined: none is large enough. */
export const roomIn = (
  vms: readonly CatalogVm[],
  length: number,
  sizeBytes: number,
): Extent | undefined => {
  let offset = catalogEnd;
  const taken = vms.map(({ extent }) => extent).sort((a, b) => a.offset - b.offset);
  for (const extent of taken) {
    if (offset + length <= extent.offset) break;
    offset = Math.max(offset, extent.offset + extent.length);
  }
  return offset + length <= sizeBytes ? { offset, length } : undefined;
};
