/**
 * A host that writes to a device: a small NBD client. It is ours, so that a test knows exactly
 * which writes were acknowledged when the other end died; QEMU's own clients retry and cache.
 */
import { connect, type Socket } from 'node:net';

export type NbdAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

const optionMagic = 0x49484156454f5054n;
const requestMagic = 0x25609513;
const optionGo = 7;
const replyAck = 1;
const replyInfo = 3;
const commands = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;
const replyBytes = 16;

interface Reader {
  readonly bytes: number;
  readonly take: (found: Buffer) => void;
  readonly fail: (error: Error) => void;
}

/** Takes what arrives in pieces of the size asked for. */
class Incoming {
  #held = Buffer.alloc(0);
  #reader: Reader | undefined;
  #ended: Error | undefined;

  constructor(socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.#held = Buffer.concat([this.#held, bytes]);
      this.#serve();
    });
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the NBD connection was closed')));
  }

  read(bytes: number): Promise<Buffer> {
    return new Promise((take, fail) => {
      this.#reader = { bytes, take, fail };
      this.#serve();
    });
  }

  #serve(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    if (this.#held.length >= reader.bytes) {
      const found = this.#held.subarray(0, reader.bytes);
      this.#held = this.#held.subarray(reader.bytes);
      this.#reader = undefined;
      reader.take(found);
    } else if (this.#ended !== undefined) {
      this.#reader = undefined;
      reader.fail(this.#ended);
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#serve();
  }
}

/** One request at a time: what has been answered has been done. */
export class NbdHost {
  readonly #socket: Socket;
  readonly #incoming: Incoming;
  #requests = 0n;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#incoming = new Incoming(socket);
  }

  /** Attached to an export by its name. Rejects when there is none of that name. */
  static async attach(address: NbdAddress, exportName: string): Promise<NbdHost> {
    const host = new NbdHost(connect(address));
    try {
      await host.#shakeHands(exportName);
      return host;
    } catch (error) {
      host.drop();
      throw error;
    }
  }

  async #shakeHands(exportName: string): Promise<void> {
    await this.#incoming.read(18);
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(3);
    const name = Buffer.from(exportName);
    const data = Buffer.alloc(4 + name.length + 2);
    data.writeUInt32BE(name.length);
    name.copy(data, 4);
    const option = Buffer.alloc(16);
    option.writeBigUInt64BE(optionMagic);
    option.writeUInt32BE(optionGo, 8);
    option.writeUInt32BE(data.length, 12);
    this.#socket.write(Buffer.concat([flags, option, data]));
    for (;;) {
      const reply = await this.#incoming.read(20);
      const rest = await this.#incoming.read(reply.readUInt32BE(16));
      const type = reply.readUInt32BE(12);
      if (type === replyAck) return;
      if (type !== replyInfo) throw new Error(`export ${exportName} refused: ${rest.toString()}`);
    }
  }

  async #ask(command: number, offset: number, length: number, data?: Buffer): Promise<Buffer> {
    const head = Buffer.alloc(28);
    head.writeUInt32BE(requestMagic);
    head.writeUInt16BE(command, 6);
    this.#requests += 1n;
    head.writeBigUInt64BE(this.#requests, 8);
    head.writeBigUInt64BE(BigInt(offset), 16);
    head.writeUInt32BE(length, 24);
    this.#socket.write(data === undefined ? head : Buffer.concat([head, data]));
    const reply = await this.#incoming.read(replyBytes);
    const errno = reply.readUInt32BE(4);
    if (errno !== 0) throw new Error(`NBD error ${errno}`);
    return this.#incoming.read(command === commands.read ? length : 0);
  }

  read(offset: number, length: number): Promise<Buffer> {
    return this.#ask(commands.read, offset, length);
  }

  async write(offset: number, data: Buffer): Promise<void> {
    await this.#ask(commands.write, offset, data.length, data);
  }

  async flush(): Promise<void> {
    await this.#ask(commands.flush, 0, 0);
  }

  /** Gone without a word, as a host that lost its power. */
  drop(): void {
    this.#socket.destroy();
  }
}
