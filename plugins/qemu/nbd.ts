/**
 * A small client of NBD, to read and write the catalog of a datastore as a host would: through the
 * export, and so through whatever fence stands there. Fixed newstyle, simple replies, no TLS.
 */
import { connect, type Socket } from 'node:net';
import type { Address } from './array.ts';
import { failure } from './faults.ts';
import { greetMsMax, nbdMsMax } from './limits.ts';

const optionMagic = 0x49484156454f5054n;
const optionReplyMagic = 0x3e889045565a9n;
const requestMagic = 0x25609513;
const replyMagic = 0x67446698;
const optionGo = 7;
const replyAck = 1;
const errorReply = 0x8000_0000;
const commands = { read: 0, write: 1, flush: 3 } as const;

/** Bytes as they come, handed out in the pieces that the protocol has. */
class Inbox {
  #held = Buffer.alloc(0);
  #wanted: { readonly length: number; readonly take: (bytes: Buffer) => void } | undefined;
  #failed: Error | undefined;
  #refuse: (error: Error) => void = () => undefined;

  constructor(socket: Socket, name: string, waitMsMax = nbdMsMax) {
    socket.setTimeout(waitMsMax);
    socket.on('data', (bytes: Buffer) => {
      this.#held = Buffer.concat([this.#held, bytes]);
      this.#serve();
    });
    const end = (why: string) => this.#fail(failure('unreachable', `export ${name}: ${why}`));
    socket.on('error', ({ message }) => end(message));
    socket.on('timeout', () => end(`no answer within ${waitMsMax} ms`));
    socket.on('close', () => end('the connection was closed'));
  }

  read(length: number): Promise<Buffer> {
    return new Promise((take, refuse) => {
      if (this.#failed !== undefined) return refuse(this.#failed);
      this.#wanted = { length, take };
      this.#refuse = refuse;
      this.#serve();
    });
  }

  #serve(): void {
    const wanted = this.#wanted;
    if (wanted === undefined || this.#held.length < wanted.length) return;
    this.#wanted = undefined;
    const bytes = this.#held.subarray(0, wanted.length);
    this.#held = this.#held.subarray(wanted.length);
    wanted.take(bytes);
  }

  #fail(error: Error): void {
    this.#failed ??= error;
    this.#wanted = undefined;
    this.#refuse(this.#failed);
  }
}

const mustBeNbd = async (inbox: Inbox): Promise<void> => {
  const hello = await inbox.read(18);
  if (hello.readBigUInt64BE(8) !== optionMagic) throw failure('corrupt', 'this is no NBD server');
};

const greet = async (socket: Socket, inbox: Inbox, name: string): Promise<void> => {
  await mustBeNbd(inbox);
  const text = Buffer.from(name);
  const option = Buffer.alloc(4 + 16 + 4 + text.length + 2);
  option.writeUInt32BE(3, 0);
  option.writeBigUInt64BE(optionMagic, 4);
  option.writeUInt32BE(optionGo, 12);
  option.writeUInt32BE(4 + text.length + 2, 16);
  option.writeUInt32BE(text.length, 20);
  text.copy(option, 24);
  socket.write(option);
  for (;;) {
    const head = await inbox.read(20);
    if (head.readBigUInt64BE(0) !== optionReplyMagic) throw failure('corrupt', 'no NBD reply');
    const type = head.readUInt32BE(12);
    const words = await inbox.read(head.readUInt32BE(16));
    if (type === replyAck) return;
    if (type < errorReply) continue;
    throw failure('conflict', `no export ${name}: ${words.toString('utf8')}`);
  }
};

/** An export that is open for reading and writing. */
export interface Export {
  readonly read: (offset: number, length: number) => Promise<Buffer>;
  /** Returns when the bytes are durable. */
  readonly write: (offset: number, bytes: Buffer) => Promise<void>;
}

const exchange = async (
  socket: Socket,
  inbox: Inbox,
  command: keyof typeof commands,
  { offset = 0, length = 0, bytes }: { offset?: number; length?: number; bytes?: Buffer } = {},
): Promise<Buffer> => {
  const request = Buffer.alloc(28);
  request.writeUInt32BE(requestMagic, 0);
  request.writeUInt16BE(commands[command], 6);
  request.writeBigUInt64BE(BigInt(offset), 16);
  request.writeUInt32BE(bytes?.length ?? length, 24);
  socket.write(bytes === undefined ? request : Buffer.concat([request, bytes]));
  const head = await inbox.read(16);
  const error = head.readUInt32BE(4);
  if (head.readUInt32BE(0) !== replyMagic) throw failure('corrupt', 'an answer that is not NBD');
  if (error !== 0) throw failure('conflict', `${command} was refused with error ${error}`);
  return command === 'read' ? inbox.read(length) : Buffer.alloc(0);
};

/** Throws `unreachable` unless an NBD server answers there now. */
export const mustGreet = async (address: Address): Promise<void> => {
  const socket = connect(address);
  try {
    await mustBeNbd(new Inbox(socket, 'of the peer', greetMsMax));
  } finally {
    socket.destroy();
  }
};

/** Runs `body` with an export; `conflict` when there is none of that name. */
export const withExport = async <T>(
  address: Address,
  name: string,
  body: (opened: Export) => Promise<T>,
): Promise<T> => {
  const socket = connect(address);
  const inbox = new Inbox(socket, name);
  try {
    await greet(socket, inbox, name);
    return await body({
      read: (offset, length) => exchange(socket, inbox, 'read', { offset, length }),
      write: async (offset, bytes) => {
        await exchange(socket, inbox, 'write', { offset, bytes });
        await exchange(socket, inbox, 'flush');
      },
    });
  } finally {
    socket.destroy();
  }
};
