/** An array: a directory with its description, its images, and the sockets of its daemon. */
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { format, readJson } from './durable.ts';
import { failure } from './faults.ts';
import { idLengthMax } from './limits.ts';

/** Where NBD clients reach a daemon: a unix socket, or TCP. */
export type Address = { readonly path: string } | { readonly host: string; readonly port: number };

/** Content of `array.json`. */
export interface ArrayFile {
  readonly format: number;
  readonly id: string;
  /** Names its locks: two arrays of one id are two. */
  readonly uuid: string;
  readonly name: string;
  /** Ids under which other sites know it too: its devices are shared by their hosts. */
  readonly alsoKnownAs?: readonly string[];
  readonly peerArrayIds: readonly string[];
  /** Other ways to peers than their own address: peer array id → where its daemon is reached. */
  readonly links?: Readonly<Record<string, Address>>;
  /** Where its daemon serves hosts and peers. */
  readonly address: Address;
}

/** An array that was found. */
export interface Storage extends ArrayFile {
  readonly directory: string;
  /** Whether its daemon may be started from here: only by its own array's session. */
  readonly start: boolean;
}

export const fileOf = {
  description: (directory: string) => join(directory, 'array.json'),
  monitor: (directory: string, number: number) => join(directory, `qmp-${number}.sock`),
  pid: (directory: string) => join(directory, 'daemon.pid'),
  log: (directory: string) => join(directory, 'daemon.log'),
  /** Names the daemon's run that was ended cleanly: what it had cached is on disk. */
  stopped: (directory: string) => join(directory, 'stopped.json'),
  groups: (directory: string) => join(directory, 'groups'),
  operations: (directory: string) => join(directory, 'operations'),
} as const;

/** An id as a file name: no separator, no dot in front, and reversible. */
export const encodeId = (id: string): string =>
  encodeURIComponent(id).replaceAll('.', '%2E').replaceAll('*', '%2A');

export const checkId = (id: string): void => {
  if (id === '' || encodeId(id).length > idLengthMax) {
    throw failure('refused', `an id has 1 to ${idLengthMax} characters, encoded: ${id}`);
  }
};

/** Throws `unreachable` when the directory does not hold an array; `refused`: another one's. */
export const reachArray = async (
  directory: string,
  id: string,
  start: boolean,
): Promise<Storage> => {
  const found = await readJson<ArrayFile>(fileOf.description(directory));
  if (found === undefined) {
    throw failure('unreachable', `array ${id} is out of reach: nothing at ${directory}`);
  }
  if (found.id !== id && found.alsoKnownAs?.includes(id) !== true) {
    throw failure('refused', `${directory} is array ${found.id}, not ${id}`);
  }
  // Two sites may reach it by different ways: its images and its daemon know one.
  return { ...found, id, directory: await realpath(directory), start };
};

/** As QAPI's SocketAddress. */
export const socketAddressOf = (address: Address): Readonly<Record<string, string>> =>
  'path' in address
    ? { type: 'unix', path: address.path }
    : { type: 'inet', host: address.host, port: String(address.port) };

/** As a URI that QEMU's NBD clients take. */
export const nbdUri = (address: Address, exportName: string): string =>
  'path' in address
    ? `nbd+unix:///${encodeURIComponent(exportName)}?socket=${encodeURIComponent(address.path)}`
    : `nbd://${address.host}:${address.port}/${encodeURIComponent(exportName)}`;

export { format };
