/**
 * Places the translations around the gateway's door: above them ids are as presented, below them
 * real. What they need to know of the devices of a command was looked up when the command came, and
 * travels with it.
 */

import type { Presentations } from '../core/presentation.ts';
import type { Calls, Door } from '../gateway/gateway.ts';
import { type End, Ends } from './ends.ts';
import { PairDoor } from './pair-door.ts';
import { SharedDoor, type Sources } from './shared-door.ts';
import { checkAddressing } from './table.ts';

/** What a job carries of the devices that it names. */
export interface Shown {
  /** Arrays of presented pairs: the one that is called, or those of a compute's devices. */
  readonly arrayIds?: readonly string[];
  /** What is known of the devices that the job names at these arrays. */
  readonly ends?: readonly End[];
  readonly sources?: Sources;
}

export type Present = (door: Door, remoteId: string, shown: Shown | undefined) => Calls;

/** Throws when the table of verbs and the contract do not agree. */
export const createPresent = (presentations: Presentations): Present => {
  checkAddressing();
  return (door, remoteId, shown) => {
    const presentation = presentations.get(remoteId);
    if (presentation?.as === 'shared-as-stretched') {
      return new SharedDoor(door, presentation, remoteId, shown?.sources ?? {});
    }
    const { arrayIds = presentation === undefined ? [] : [remoteId], ends = [] } = shown ?? {};
    return arrayIds.length === 0 ? door : new PairDoor(door, arrayIds, new Ends(ends));
  };
};
