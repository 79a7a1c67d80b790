/**
 * A lost directory: a symbolic link to nowhere stands in its place, and every way through it leaves
 * a mark. The system writes the time of use of a link at its first use after it was made.
 */
import { existsSync, lstatSync } from 'node:fs';
import { lutimes, rename, rm, symlink } from 'node:fs/promises';

export interface Tripwire {
  /** Whether anybody has gone through it since it was laid. */
  readonly touched: () => boolean;
  /** Puts the directory back. */
  readonly restore: () => Promise<void>;
}

export const layTripwire = async (directory: string): Promise<Tripwire> => {
  const aside = `${directory}-gone`;
  await rename(directory, aside);
  const lay = async (): Promise<bigint> => {
    await symlink(`${directory}-nowhere`, directory);
    await lutimes(directory, 1, 1);
    return lstatSync(directory, { bigint: true }).atimeNs;
  };
  const used = (laid: bigint) => lstatSync(directory, { bigint: true }).atimeNs !== laid;
  const first = await lay();
  existsSync(`${directory}/x`);
  if (!used(first)) throw new Error('this file system does not note the use of links');
  await rm(directory);
  const laid = await lay();
  return {
    touched: () => used(laid),
    restore: async () => {
      await rm(directory, { force: true });
      await rename(aside, directory);
    },
  };
};
