/** Ways to break a live migration of QEMU from outside: processes that die, streams that stop. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
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
