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

const decode = (slot: Buffer): Found | undefined => {
  if (slot.toString('latin1', 0, 4) !== magic) return undefined;
  const length = slot.readUInt32LE(8);
  const body = slot.subarray(headBytes, headBytes + length);
  if (body.length !== length || crc32(body) !== slot.readUInt32LE(12)) return undefined;
  const catalog = JSON.parse(body.toString('utf8')) as Catalog;
  return { sequence: slot.readUInt32LE(4), catalog };
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

const newest = async (opened: Export): Promise<Found | undefined> => {
  const found: Found[] = [];
  for (const offset of slots) {
    const one = decode(await opened.read(offset, catalogBytesMax));
    if (one !== undefined) found.push(one);
  }
  return found.sort((a, b) => b.sequence - a.sequence)[0];
};

/** Undefined: the device holds no datastore. */
export const readCatalog = async (opened: Export): Promise<Catalog | undefined> =>
  (await newest(opened))?.catalog;

export const writeCatalog = async (opened: Export, catalog: Catalog): Promise<void> => {
  const sequence = ((await newest(opened))?.sequence ?? 0) + 1;
  await opened.write(slots[sequence % 2] as number, encode({ sequence, catalog }));
};
