/**
 * What stands on a device of a VM: a whole copy, a part of one, or nothing any more. It is written
 * into the device with its time, like any file: a replica shows what held at its recovery point.
 */
import { type LabDevice, type Medium, mediumOf, type World } from './model.ts';

/** Files under it are the lab's own: what stands there of a VM. */
export const marksFolder = '.lab/copies/';

export type Mark = 'whole' | 'partial' | 'gone';

export const writeMark = (device: LabDevice, vmId: string, mark: Mark, at: number): void => {
  const medium = mediumOf(device);
  medium.files.push({ path: marksFolder + vmId, content: mark, at });
  medium.writtenAt = at;
};

export const lastOf = (medium: Medium, path: string): string | undefined => {
  const file = medium.files.findLast((write) => write.path === path);
  return file?.gone === true ? undefined : file?.content;
};

/** What a medium holds of a VM. */
export const markOf = (world: World, medium: Medium, vmId: string, datastoreId: string): Mark => {
  const found = lastOf(medium, marksFolder + vmId);
  if (found !== undefined) return found as Mark;
  return world.images.get(vmId)?.datastoreIds.includes(datastoreId) ? 'whole' : 'gone';
};
