/** Packed devices (packed.ts) as objects again, for whoever decides by what they are. */
import type { Access, Device, Peer, RecoveryPoint } from '../../sdk/plugin/model.ts';
import { accesses, directions, modes, states } from './packed.ts';

const nanosPerMs = 1_000_000;

/** Reads what was written here: fields that it does not know do not occur. */
class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get end(): number {
    return this.#bytes.length;
  }

  number(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.#bytes[this.at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  text(): string {
    const length = this.number();
    this.at += length;
    return this.#bytes.toString('utf8', this.at - length, this.at);
  }

  /** Each field of a record, by its number. */
  within(read: (field: number) => void): void {
    const length = this.number();
    const end = this.at + length;
    while (this.at < end) read(this.number() >>> 3);
  }
}

const readPeer = (reader: Reader): Peer => {
  let arrayId = '';
  let deviceId = '';
  reader.within((field) => {
    if (field === 1) arrayId = reader.text();
    else deviceId = reader.text();
  });
  return { arrayId, deviceId };
};

const readMoment = (reader: Reader): number => {
  let atMs = 0;
  reader.within((field) => {
    atMs += field === 1 ? reader.number() * 1_000 : reader.number() / nanosPerMs;
  });
  return atMs;
};

const readPoint = (reader: Reader): RecoveryPoint => {
  let id = '';
  let atMs = 0;
  let by = '';
  reader.within((field) => {
    if (field === 1) id = reader.text();
    else if (field === 2) atMs = readMoment(reader);
    else by = reader.text();
  });
  return { id, atMs, by };
};

type Draft = { -readonly [K in keyof Device]: Device[K] };

const fields: readonly ((device: Draft, reader: Reader) => void)[] = [
  (device, reader) => {
    device.id = reader.text();
  },
  (device, reader) => {
    device.name = reader.text();
  },
  (device, reader) => {
    device.sizeBytes = reader.number();
  },
  (device, reader) => {
    device.direction = directions[reader.number() - 1] ?? 'none';
  },
  (device, reader) => {
    device.access = accesses[reader.number() - 1] as Access;
  },
  (device, reader) => {
    device.pairState = states[reader.number() - 1] ?? 'unknown';
  },
  (device, reader) => {
    device.peer = readPeer(reader);
  },
  (device, reader) => {
    device.groupId = reader.text();
  },
  (device, reader) => {
    const mode = modes[reader.number() - 1];
    if (mode !== undefined) device.updateMode = mode;
  },
  (device, reader) => {
    device.lastRecoveryPoint = readPoint(reader);
  },
  (device, reader) => {
    device.hostIdentity = reader.text();
  },
  (device, reader) => {
    device.lineage = reader.text();
  },
  (device, reader) => {
    device.stretched = reader.number() === 1;
  },
  (device, reader) => {
    device.preferredSiteId = reader.text();
  },
  (device, reader) => {
    device.rpoMs = reader.number();
  },
  (device, reader) => {
    device.divergedBytes = reader.number();
  },
];

/** All devices of a portion, in their order. */
export const unpackDevices = (portion: Uint8Array): Device[] => {
  const reader = new Reader(portion);
  const devices: Device[] = [];
  while (reader.at < reader.end) {
    reader.number();
    const device: Draft = {
      id: '',
      name: '',
      sizeBytes: 0,
      direction: 'none',
      access: 'read-only',
      pairState: 'unknown',
    };
    reader.within((field) => fields[field - 1]?.(device, reader));
    devices.push(device);
  }
  return devices;
};
