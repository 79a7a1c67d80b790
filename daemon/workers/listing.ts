/**
 * A page of a listing where plugin code runs. Devices leave as bytes; where their pages come
 * quicker than the way to this thread and back takes, one job brings several of them.
 */
import type { Fault } from '../../sdk/plugin/fault.ts';
import type { Device, Page } from '../../sdk/plugin/model.ts';
import type { Clock } from '../core/clock.ts';
import type { Door } from '../gateway/gateway.ts';
import { joinPacked, type PackedDevices, packDevices } from '../host/packed.ts';
import { runOnBytesMax, runOnMsMax } from './limits.ts';
import type { ListingJob, ListingResult } from './pool.ts';

interface PackedPage extends Page<unknown> {
  readonly packed: PackedDevices;
}

/** Its devices as bytes. */
export const packed = <P extends Page<unknown>>(page: P, packedBy: number): P & PackedPage => ({
  ...page,
  items: [],
  packed: packDevices(page.items as readonly Device[], packedBy),
});

/**
 * With the pages that follow it at once. What is wrong with one of these is for whoever asks for
 * it by itself.
 */
const runningOn = async (
  first: PackedPage,
  next: (token: string) => Promise<PackedPage | undefined>,
  isOver: () => boolean,
): Promise<PackedPage> => {
  const all = [first.packed];
  let bytes = first.packed.bytes.length;
  let token = first.next;
  while (token !== undefined && bytes < runOnBytesMax && !isOver()) {
    const page = await next(token);
    if (page === undefined) break;
    all.push(page.packed);
    bytes += page.packed.bytes.length;
    token = page.next;
  }
  const { next: _, ...told } = first;
  return { ...told, packed: joinPacked(all), ...(token !== undefined && { next: token }) };
};

export const listed = async (
  { verb, page, packedBy, runsOn }: ListingJob,
  door: Door,
  clock: Clock,
): Promise<{ readonly value: ListingResult } | { readonly fault: Fault }> => {
  const begunMs = clock.now();
  const reply = await door.list(verb, page, packedBy);
  if ('fault' in reply) return reply;
  const kind = 'listing';
  if (packedBy === undefined) return { value: { kind, ...reply.value } };
  const { packed: bytes, ...told } = reply.value;
  if (bytes === undefined) return { value: { kind, ...packed(told, packedBy) } };
  const first = { ...told, packed: bytes };
  if (!runsOn) return { value: { kind, ...first } };
  const { sizeMax } = page;
  const next = async (token: string): Promise<PackedPage | undefined> => {
    const more = await door.list(verb, { token, sizeMax }, packedBy);
    if ('fault' in more || more.value.packed === undefined) return undefined;
    return { ...more.value, packed: more.value.packed };
  };
  const isOver = () => clock.now() - begunMs >= runOnMsMax;
  return { value: { kind, ...(await runningOn(first, next, isOver)) } };
};
