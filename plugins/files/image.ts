/** Device images as blocks: checksums of blocks, digests of whole groups, cheap copies. */
import { createHash, hash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, open, readFile } from 'node:fs/promises';
import { makeDirectory, writeDurably } from './durable.ts';
import { failure, isMissingFile } from './faults.ts';
import { imageIn } from './layout.ts';
import { blockBytes, chunkBytes, sumBytes } from './limits.ts';

/** Checksums of an image's blocks, one after the other, `sumBytes` each. */
export type Sums = Buffer;

export const sumOf = (block: Uint8Array): Buffer =>
  hash('sha256', block, 'buffer').subarray(0, sumBytes);

export const sumAt = (sums: Sums, block: number): Buffer =>
  sums.subarray(block * sumBytes, (block + 1) * sumBytes);

/** Calls `see` for every block of an image, in order. The buffer is used again afterwards. */
export const eachBlock = async (
  image: string,
  see: (block: Buffer, index: number) => void | Promise<void>,
): Promise<void> => {
  const handle = await open(image, 'r');
  try {
    const chunk = Buffer.alloc(chunkBytes);
    for (let index = 0; ; ) {
      const { bytesRead } = await handle.read(chunk, 0, chunkBytes, index * blockBytes);
      if (bytesRead === 0) return;
      if (bytesRead % blockBytes !== 0) throw failure('corrupt', `${image} ends inside a block`);
      for (let at = 0; at < bytesRead; at += blockBytes, index++) {
        const seen = see(chunk.subarray(at, at + blockBytes), index);
        if (seen !== undefined) await seen;
      }
    }
  } finally {
    await handle.close();
  }
};

export const sumsOf = async (image: string): Promise<Sums> => {
  const sums: Buffer[] = [];
  await eachBlock(image, (block) => {
    sums.push(sumOf(block));
  });
  return Buffer.concat(sums);
};

/** One value for the content of a whole consistency group; `sums` in the order of its devices. */
export const digestOf = (sums: readonly Sums[]): string => {
  const digest = createHash('sha256');
  for (const one of sums) digest.update(one);
  return digest.digest('hex').slice(0, 32);
};

/** Sums as last stored; undefined when there are none. */
export const readSums = async (file: string): Promise<Sums | undefined> => {
  try {
    return await readFile(file);
  } catch (error) {
    if (isMissingFile(error)) return undefined;
    throw error;
  }
};

export const writeSums = (file: string, sums: Sums): Promise<void> => writeDurably(file, sums);

/** An image of zeros; holes on the disk. */
export const createImage = async (image: string, sizeBytes: number): Promise<void> => {
  const handle = await open(image, 'wx', 0o600);
  try {
    await handle.truncate(sizeBytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Copies images of devices from folder to folder; shares blocks where the file system can. */
export const cloneImages = async (
  devices: readonly { readonly id: string }[],
  from: string,
  to: string,
): Promise<void> => {
  await makeDirectory(to);
  for (const { id } of devices) {
    await copyFile(imageIn(from, id), imageIn(to, id), constants.COPYFILE_FICLONE);
  }
};
