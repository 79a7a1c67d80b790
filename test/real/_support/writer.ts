/**
 * A writer that numbers its writes: write n goes to its own place, carrying n, after write n - 1
 * was acknowledged; with several devices, to one after the other. So what a copy holds says how
 * many acknowledged writes it lacks, and whether it is of one moment: there must be no hole, and
 * no device may be ahead of one before it.
 */
import { type NbdAddress, NbdHost } from './nbd.ts';

export const blockBytes = 4096;
/** Behind what other writers of a test use. */
export const firstOffset = 1024 * 1024;
/** Numbered writes in a round; the next round overwrites them. */
export const slots = 512;

const offsetOf = (n: number): number => firstOffset + (n % slots) * blockBytes;

const blockOf = (n: number): Buffer => {
  const block = Buffer.alloc(blockBytes, n & 0xff);
  block.writeUInt32BE(n);
  return block;
};

export interface Writer {
  /** The last write that was acknowledged. */
  readonly acknowledged: () => number;
  /** Stops between two writes, flushes, detaches. */
  readonly stop: () => Promise<void>;
  /** Resolves when it could not go on: its storage died, or it was cut off. */
  readonly ended: Promise<void>;
}

/** Writes from `from` on until stopped or cut off. */
export const startWriter = async (
  address: NbdAddress,
  exportNames: string | readonly string[],
  from = 1,
): Promise<Writer> => {
  const hosts: NbdHost[] = [];
  for (const name of [exportNames].flat()) hosts.push(await NbdHost.attach(address, name));
  let acknowledged = from - 1;
  let stopping = false;
  const ended = (async () => {
    try {
      while (!stopping) {
        const next = acknowledged + 1;
        for (const host of hosts) await host.write(offsetOf(next), blockOf(next));
        acknowledged += 1;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      for (const host of hosts) await host.flush();
    } catch {
      stopping = true;
    } finally {
      for (const host of hosts) host.drop();
    }
  })();
  const stop = async (): Promise<void> => {
    stopping = true;
    await ended;
  };
  return { acknowledged: () => acknowledged, stop, ended };
};

/** What a copy holds: the newest write, and whether all before it are there. */
export interface Held {
  readonly newest: number;
  readonly holes: readonly number[];
}

const heldIn = async (read: (offset: number, length: number) => Promise<Buffer>): Promise<Held> => {
  const found: number[] = [];
  for (let slot = 0; slot < slots; slot++) {
    const block = await read(firstOffset + slot * blockBytes, blockBytes);
    found[slot] = block.readUInt32BE();
  }
  const newest = Math.max(...found);
  const from = Math.max(1, newest - slots + 1);
  const holes: number[] = [];
  for (let n = from; n <= newest; n++) if (found[n % slots] !== n) holes.push(n);
  return { newest, holes };
};

/** Reads a copy through an export of it. */
export const readWrites = async (address: NbdAddress, exportName: string): Promise<Held> => {
  const host = await NbdHost.attach(address, exportName);
  try {
    return await heldIn((offset, length) => host.read(offset, length));
  } finally {
    host.drop();
  }
};

/** Reads a copy that is at hand as a whole. */
export const writesIn = (bytes: Buffer): Promise<Held> =>
  heldIn(async (offset, length) => bytes.subarray(offset, offset + length));
