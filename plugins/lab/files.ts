/** Small files in a datastore: replicated with it, like everything else that is written there. */
import type { Fault, FileTarget } from '@siteswap/sdk/plugin';
import type { ComputeCall } from './computes.ts';
import { oldLineage } from './groups.ts';
import type { Outcome } from './ledger.ts';
import { fileBytesMax, fileWritesMax } from './limits.ts';
import { marksFolder } from './marks.ts';
import { type FileWrite, type LabDevice, type Medium, mediumOf, writable } from './model.ts';
import { already, done, no } from './outcome.ts';

const badPath = (target: FileTarget): Fault | undefined => {
  const parts = target.path.split('/');
  const isBad = target.path.startsWith('/') || parts.includes('..');
  if (!isBad) return undefined;
  return no('refused', 'BAD_PATH', `${target.path} leaves the datastore`);
};

interface Place {
  readonly device: LabDevice;
  readonly medium: Medium;
  /** Production datastores follow the device's role; a test copy is always writable. */
  readonly accepts: boolean;
}

/** Where a mounted datastore's files stand; production comes before test. */
const placeOf = (call: ComputeCall, target: FileTarget): Place | Fault => {
  const bad = badPath(target);
  if (bad !== undefined) return bad;
  const { datastores, id } = call.compute;
  const name = target.datastoreId;
  const production = datastores.production.get(name);
  const [device] = (production?.mounted ? production.devices : undefined) ?? [];
  if (device !== undefined) {
    return { device, medium: mediumOf(device), accepts: writable(device) };
  }
  const test = datastores.test.get(name);
  const copied = test?.mounted ? test.devices[0] : undefined;
  if (copied?.copy !== undefined) return { device: copied, medium: copied.copy, accepts: true };
  return call.world.catalogue.has(name)
    ? no('conflict', 'DATASTORE_NOT_MOUNTED', `${name} is not mounted at ${id}`)
    : no('missing', 'UNKNOWN_DATASTORE', `there is no datastore ${name}`);
};

const isFault = (found: Place | Fault): found is Fault => 'kind' in found;

export const readFile = (call: ComputeCall, target: FileTarget): { content: string } | Fault => {
  const place = placeOf(call, target);
  if (isFault(place)) return place;
  const file = place.medium.files.findLast((write) => write.path === target.path);
  if (file !== undefined && file.gone !== true) return { content: file.content };
  return no('missing', 'UNKNOWN_FILE', `${target.datastoreId} has no file ${target.path}`);
};

/** Paths that begin with the target's path, in order of their first writing. */
export const listFiles = (call: ComputeCall, target: FileTarget): readonly string[] | Fault => {
  const place = placeOf(call, target);
  if (isFault(place)) return place;
  const last = new Map(place.medium.files.map((file) => [file.path, file.gone !== true]));
  const isShown = (path: string): boolean =>
    last.get(path) === true && path.startsWith(target.path) && !path.startsWith(marksFolder);
  return [...last.keys()].filter(isShown);
};

/** Why nothing can be written there now. */
const refusalAt = ({ device, accepts }: Place): Fault | undefined => {
  if (accepts) return undefined;
  if (!device.fenced) return no('conflict', 'PASSIVE_DEVICE', `${device.id} refuses writers`);
  device.refusals += 1;
  return oldLineage(device);
};

const note = ({ medium }: Place, file: FileWrite): void => {
  medium.files.push(file);
  if (medium.files.length > fileWritesMax) medium.files.shift();
  medium.writtenAt = file.at;
};

/** Not there: success, and nothing is written. */
export const removeFile = (call: ComputeCall, target: FileTarget): Outcome => {
  const place = placeOf(call, target);
  if (isFault(place)) return { fault: place };
  const fault = refusalAt(place);
  if (fault !== undefined) return { fault };
  const file = place.medium.files.findLast((write) => write.path === target.path);
  if (file === undefined || file.gone === true) return already();
  note(place, { path: target.path, content: '', gone: true, at: call.now });
  return done();
};

export const writeFile = (call: ComputeCall, target: FileTarget): Outcome => {
  const place = placeOf(call, target);
  if (isFault(place)) return { fault: place };
  const content = target.content ?? '';
  if (Buffer.byteLength(content) > fileBytesMax) {
    const what = `${target.path} is larger than ${fileBytesMax} bytes`;
    return { fault: no('refused', 'FILE_TOO_LARGE', what) };
  }
  const fault = refusalAt(place);
  if (fault !== undefined) return { fault };
  note(place, { path: target.path, content, at: call.now });
  return done();
};
