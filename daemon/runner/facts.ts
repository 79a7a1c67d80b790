/**
 * What evidence says, as short texts: the same text is the same evidence. Only what is new is
 * journaled, and a list that is surely the same one need not be read again to know that.
 */
import { createHash } from 'node:crypto';
import type { RemoteEvidence } from '../core/inventory.ts';
import { ArrayEvidence } from './devices.ts';

type List = readonly object[];

/** Items made into one text at a time: a whole list would be megabytes of garbage. */
const itemsPerHashMax = 500;

/** List → its items, as a short text. */
const known = new WeakMap<List, string>();

const listFacts = (items: List): string => {
  let facts = known.get(items);
  if (facts === undefined) {
    const hash = createHash('sha256');
    for (let at = 0; at < items.length; at += itemsPerHashMax) {
      hash.update(JSON.stringify(items.slice(at, at + itemsPerHashMax)));
    }
    facts = `${items.length} ${hash.digest('base64')}`;
    known.set(items, facts);
  }
  return facts;
};

const sameList = (one: List, other: List): boolean =>
  one === other || listFacts(one) === listFacts(other);

/** Packed devices are compared as they are. */
const sameDevices = (one: RemoteEvidence, other: RemoteEvidence): boolean =>
  one instanceof ArrayEvidence && other instanceof ArrayEvidence
    ? one.list.equals(other.list)
    : sameList(one.devices, other.devices);

/** Whether two evidences of one remote say the same, but for their moment. */
export const sameFacts = (one: RemoteEvidence, other: RemoteEvidence): boolean =>
  JSON.stringify(one.remote) === JSON.stringify(other.remote) &&
  sameList(one.arrays, other.arrays) &&
  sameList(one.vms, other.vms) &&
  sameList(one.datastores, other.datastores) &&
  sameDevices(one, other);
