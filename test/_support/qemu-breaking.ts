/** Ways to break a live migration of QEMU from outside: processes that die, streams that stop. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Step } from '../../plugins/qemu/journey.ts';
import { kill, readMachine } from '../../plugins/qemu/machine.ts';
import { atOf } from '../../plugins/qemu/places.ts';
import type { ComputeSession } from '../../plugins/qemu/session.ts';

/** SIGKILL to a VM's process at a compute, if there is one. */
export const endProcess = async (
  compute: Pick<ComputeSession, 'directory'>,
  id: string,
): Promise<void> => {
  const at = atOf(compute, { id, instance: 'production' });
  const machine = await readMachine(at);
  if (machine !== undefined) await kill(at, machine.token);
};

/** A process drives a live migration to the other compute up to a step, and is killed there. */
export const driveTo = async (
  compute: ComputeSession,
  { id, key, step }: { readonly id: string; readonly key: string; readonly step: Step },
): Promise<void> => {
  const script = fileURLToPath(import.meta.resolve('./qemu-driver.js'));
  const driver = spawn(process.execPath, [script, JSON.stringify(compute), id, key, step], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(driver, 'exit');
  const early = ended.then(() => Promise.reject(new Error(`the driver ended before ${step}`)));
  await Promise.race([once(driver.stdout, 'data'), early]);
  driver.kill('SIGKILL');
  await ended;
};

/** A stream between two QEMUs, in the hand of a test. */
export interface Wire {
  readonly path: string;
  /** Both ends see it broken. */
  readonly cut: () => void;
  /** Bytes that came from the source. */
  carried: number;
  /** From now on the source's bytes go nowhere, and nobody is told. */
  swallow: boolean;
  /** The destination's bytes, its acknowledgement among them, go nowhere. */
  deaf: boolean;
  /** Bytes that the source can still send before the wire stands still. */
  bytesMax: number;
  readonly close: () => void;
}

/** Listens at `path` and passes on to `target`. */
export const makeWire = async (path: string, target: string): Promise<Wire> => {
  const sockets: Socket[] = [];
  const server = createServer((from) => {
    const to = connect(target);
    sockets.push(from, to);
    let sent = 0;
    from.on('data', (bytes: Buffer) => {
      sent += bytes.length;
      wire.carried = sent;
      if (wire.swallow) return;
      if (sent > wire.bytesMax) from.pause();
      to.write(bytes);
    });
    to.on('data', (bytes: Buffer) => {
      if (!wire.deaf) from.write(bytes);
    });
    for (const [one, other] of [
      [from, to],
      [to, from],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        if (!wire.swallow) other.destroy();
      });
    }
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const wire: Wire = {
    path,
    cut,
    carried: 0,
    swallow: false,
    deaf: false,
    bytesMax: Number.POSITIVE_INFINITY,
    close: () => {
      cut();
      server.close();
    },
  };
  server.listen(path);
  await once(server, 'listening');
  return wire;
};
