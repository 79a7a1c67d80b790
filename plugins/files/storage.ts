/**
 * An array, found by its directory: who it is, and whether it is there at all. A directory that is
 * gone is an array that does not answer; nothing here remembers what it said before.
 */

import { hash } from 'node:crypto';
import type { Secret } from '@siteswap/sdk/plugin';
import { readJson } from './durable.ts';
import { failure } from './faults.ts';
import { arrayFile } from './layout.ts';

/** Where a stretched group is. */
export interface Shared {
  readonly directory: string;
  /** Made once: names the group's lock, whichever array looks. */
  readonly uuid: string;
}

/** Content of `array.json`. */
export interface StorageFile {
  readonly format: number;
  readonly id: string;
  readonly name: string;
  /** Made once: names the locks, wherever the directory is moved or mounted. */
  readonly uuid: string;
  readonly peerArrayIds: readonly string[];
  /** SHA-256 of the token that sessions must show; absent: none is asked for. */
  readonly tokenHash?: string;
  /** Stretched groups, which stand in a directory that another array sees too. */
  readonly shared?: Readonly<Record<string, Shared>>;
  /** Replication from this array is held to this; absent: as fast as the disks are. */
  readonly bytesPerSecondMax?: number;
}

/** An array that answers. */
export interface Storage extends StorageFile {
  readonly directory: string;
}

export const tokenHashOf = (token: string): string => hash('sha256', token, 'hex');

/** Throws `unreachable` when the directory is gone, `refused` when another array lives there. */
export const reachStorage = async (directory: string, arrayId?: string): Promise<Storage> => {
  const file = await readJson<StorageFile>(arrayFile(directory));
  if (file === undefined) {
    throw failure('unreachable', `array ${arrayId ?? ''} does not answer: ${directory} is gone`, {
      hint: 'Bring the directory back, or declare the site lost.',
    });
  }
  if (arrayId !== undefined && file.id !== arrayId) {
    throw failure('refused', `${directory} holds array ${file.id}, not ${arrayId}`, {
      hint: 'Correct the directory in the configuration.',
    });
  }
  return { ...file, directory };
};

export const checkToken = (storage: Storage, token: Secret | undefined): void => {
  if (storage.tokenHash === undefined) return;
  if (token !== undefined && tokenHashOf(token.reveal()) === storage.tokenHash) return;
  throw failure('refused', `array ${storage.id} does not accept the token`, {
    code: 'FILES_TOKEN',
    hint: 'Correct the token in the configuration.',
  });
};
