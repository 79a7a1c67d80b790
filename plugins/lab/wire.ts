/**
 * Frames between a session and a world's own process: four bytes of length, then a JSON list of
 * messages. All that is said within one turn of the event loop goes in one frame.
 */
import type { Duplex } from 'node:stream';
import type { Fault } from '@siteswap/sdk/plugin';
import { frameBytesMax } from './limits.ts';
import type { Request } from './requests.ts';

/** From a session: a request under a number of its own, or the word that it was given up. */
export type Asked =
  | { readonly n: number; readonly request: Request }
  | { readonly n: number; readonly givenUp: true };

/** From the world: the value or the fault of one request. */
export type Told =
  | { readonly n: number; readonly value?: unknown }
  | { readonly n: number; readonly fault: Fault };

const encode = (messages: readonly unknown[]): Buffer => {
  const body = Buffer.from(JSON.stringify(messages));
  const head = Buffer.allocUnsafe(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
};

/** Says messages in batches, one frame per turn. */
export const sayer = <M>(socket: Duplex): ((message: M) => void) => {
  let batch: M[] = [];
  const flush = (): void => {
    const messages = batch;
    batch = [];
    if (socket.writable) socket.write(encode(messages));
  };
  return (message) => {
    if (batch.push(message) === 1) setImmediate(flush);
  };
};

/** Hears messages out of chunks; a frame beyond the bound, or no JSON, ends the connection. */
export const hearer = <M>(
  socket: Duplex,
  hear: (message: M) => void,
): ((chunk: Buffer) => void) => {
  let chunks: Buffer[] = [];
  let have = 0;
  const frame = (): Buffer | undefined => {
    if (have < 4) return undefined;
    const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
    const end = 4 + all.readUInt32BE(0);
    if (end > frameBytesMax) throw new Error(`a frame of ${end} bytes is over the bound`);
    chunks = have < end ? [all] : [all.subarray(end)];
    if (have < end) return undefined;
    have -= end;
    return all.subarray(4, end);
  };
  return (chunk) => {
    chunks.push(chunk);
    have += chunk.length;
    try {
      for (let body = frame(); body !== undefined; body = frame()) {
        for (const message of JSON.parse(body.toString()) as M[]) hear(message);
      }
    } catch {
      socket.destroy();
    }
  };
};
