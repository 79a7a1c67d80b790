/**
 * The bare migration of QEMU guests: processes, sockets and QMP, and nothing that anybody could
 * rely on: no record, no lock, no look at what went wrong. Guests stand on local files. A careful
 * script goes on to the next guest when the one before has shown that it lives.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

type Message = Readonly<Record<string, unknown>>;

/** The socket is there a moment before somebody listens. */
const dial = async (path: string): Promise<Socket> => {
  for (;;) {
    const socket = createConnection(path);
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (open) return socket;
    await sleep(2);
  }
};

/** One monitor; answers and events come as they come. */
class Monitor {
  readonly #socket: Socket;
  readonly #seen: Message[] = [];
  #text = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      this.#text += bytes;
      for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
        this.#seen.push(JSON.parse(this.#text.slice(0, end)) as Message);
        this.#text = this.#text.slice(end + 1);
      }
    });
  }

  static async open(path: string): Promise<Monitor> {
    const monitor = new Monitor(await dial(path));
    await monitor.until((message) => 'QMP' in message);
    await monitor.say('qmp_capabilities');
    return monitor;
  }

  async until(fits: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const at = this.#seen.findIndex(fits);
      if (at >= 0) return this.#seen.splice(at, 1)[0] as Message;
      if (this.#socket.destroyed) throw new Error('the monitor has gone');
      await sleep(1);
    }
  }

  async say(execute: string, args: object = {}): Promise<Message> {
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    return this.until((message) => 'return' in message || 'error' in message);
  }

  end(): void {
    this.#socket.destroy();
  }
}

interface Guest {
  readonly process: ChildProcess;
  readonly monitor: Monitor;
}

const start = async (folder: string, name: string, disk: string, more: readonly string[]) => {
  const socket = join(folder, `${name}.qmp`);
  const process = spawn(
    'qemu-system-x86_64',
    [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'none'],
      ...['-machine', 'pc,usb=off', '-accel', 'tcg', '-m', '16'],
      ...['-qmp', `unix:${socket},server=on,wait=off`, '-serial', `file:${socket}.serial`],
      ...['-drive', `file=${disk},format=raw,if=none,id=d`],
      ...['-device', 'virtio-blk-pci,drive=d,bootindex=1', ...more],
    ],
    { stdio: 'ignore' },
  );
  return { process, monitor: await Monitor.open(socket) };
};

/** Its own words since it came: a heartbeat that its disk has acknowledged. */
const hasBeaten = (file: string): boolean => {
  try {
    return /^T[0-9a-fA-F]{8}\s/m.test(readFileSync(file, 'latin1'));
  } catch {
    return false;
  }
};

/** Guests write once a second; a machine that gives them no time for this is none to measure on. */
const beatMsMax = 60_000;

const until = async (holds: () => boolean): Promise<void> => {
  for (const begunMs = performance.now(); !holds(); await sleep(3)) {
    if (performance.now() - begunMs > beatMsMax) throw new Error('a guest does not write');
  }
};

/** Returns when so many guests have written where their serial ports end in `folder`. */
export const untilBeaten = (folder: string, guests: number): Promise<void> =>
  until(() => {
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const beaten = names.filter(
      (name) => name.endsWith('.serial') && hasBeaten(join(folder, name)),
    );
    return beaten.length >= guests;
  });

const capabilities = ['events', 'return-path', 'late-block-activate'].map((capability) => ({
  capability,
  state: true,
}));

interface Ride {
  readonly folder: string;
  readonly name: string;
  readonly disk: string;
  readonly careful: boolean;
}

const move = async ({ folder, name, disk, careful }: Ride, from: Guest): Promise<Guest> => {
  const path = join(folder, `${name}.mig`);
  const to = await start(folder, `${name}-b`, disk, ['-S', '-incoming', `unix:${path}`]);
  for (const { monitor } of [from, to]) {
    await monitor.say('migrate-set-capabilities', { capabilities });
  }
  await from.monitor.say('migrate-set-parameters', { 'max-bandwidth': 1 << 30 });
  await from.monitor.say('migrate', { uri: `unix:${path}` });
  await from.monitor.until(
    ({ event, data }) => event === 'MIGRATION' && (data as Message).status === 'completed',
  );
  await to.monitor.say('cont');
  const serial = join(folder, `${name}-b.qmp.serial`);
  if (careful) await until(() => hasBeaten(serial));
  // It may end before it answers.
  from.monitor.say('quit').catch(() => undefined);
  return to;
};

const inLanes = async (
  names: readonly string[],
  lanes: number,
  work: (name: string) => Promise<void>,
): Promise<void> => {
  const waiting = names.values();
  const lane = async (): Promise<void> => {
    for (const name of waiting) await work(name);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
};

export interface Bare {
  readonly guests: number;
  readonly lanes: number;
  readonly image: Buffer;
  /** It goes on to the next when this one has written at its destination. */
  readonly careful: boolean;
}

/** Milliseconds from the first guest's start of moving to the last one's going on. */
export const bareMigrations = async (
  folder: string,
  { guests, lanes, image, careful }: Bare,
): Promise<number> => {
  const names = Array.from({ length: guests }, (_, index) => `vm${index + 1}`);
  const diskOf = (name: string): string => join(folder, `${name}.raw`);
  const here = new Map<string, Guest>();
  const there = new Map<string, Guest>();
  try {
    await inLanes(names, lanes, async (name) => {
      writeFileSync(diskOf(name), image);
      truncateSync(diskOf(name), 1024 * 1024);
      here.set(name, await start(folder, name, diskOf(name), []));
    });
    const from = performance.now();
    await inLanes(names, lanes, async (name) => {
      const ride = { folder, name, disk: diskOf(name), careful };
      there.set(name, await move(ride, here.get(name) as Guest));
    });
    return performance.now() - from;
  } finally {
    for (const { process, monitor } of [...here.values(), ...there.values()]) {
      monitor.end();
      process.kill('SIGKILL');
    }
  }
};
