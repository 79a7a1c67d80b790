/** The devices of a peer as nodes of a daemon that sends to them: over its link, by NBD. */
import { type Address, socketAddressOf } from './array.ts';
import { exportNameOf } from './exports.ts';
import { type GroupAt, type HeldGroup, type StoredDevice, tokenOf } from './group.ts';
import { dropNode, nodesOf } from './jobs.ts';
import { withLocks } from './locks.ts';
import { mustGreet } from './nbd.ts';
import type { Qmp } from './qmp.ts';

export const tokensOf = ({ at, state }: HeldGroup): string[] =>
  state.devices.map((device) => tokenOf(at, device));

/**
 * Runs `body`, in which the daemon of one array dials that of another. While it does, a daemon does
 * nothing else: two that dial each other wait for ever, and one that dials a peer that does not
 * answer holds up every guest on it. So one of the two dials at a time, and somebody looks first.
 */
const dialling = (
  { storage }: GroupAt,
  peer: GroupAt,
  signal: AbortSignal,
  body: (address: Address) => Promise<void>,
): Promise<void> => {
  const address = storage.links?.[peer.storage.id] ?? peer.storage.address;
  const names = [storage, peer.storage].map(({ uuid }) => `dials of array ${uuid}`);
  return withLocks(names, signal, async () => {
    await mustGreet(address);
    await body(address);
  });
};

/** What the peer's devices are added for. */
type Use = 'ship' | 'mirror';

/** The peer's devices as nodes of the source's daemon. */
export const addPeer = async (
  source: HeldGroup,
  target: HeldGroup,
  qmp: Qmp,
  use: Use,
): Promise<void> => {
  const known = await nodesOf(qmp);
  const nodeFor = (device: StoredDevice): string => `${use}-to-${tokenOf(source.at, device)}`;
  const missing = source.state.devices.filter((device) => !known.has(nodeFor(device)));
  if (missing.length === 0) return;
  await dialling(source.at, target.at, source.signal, async (address) => {
    for (const device of missing) {
      const peer = { id: device.peerId as string };
      await qmp.must('blockdev-add', {
        driver: 'nbd',
        'node-name': nodeFor(device),
        server: socketAddressOf(address),
        export: exportNameOf('replica', peer, target.state),
        'reconnect-delay': 0,
      });
    }
  });
};

export const dropPeer = async (source: HeldGroup, qmp: Qmp, use: Use): Promise<void> => {
  for (const token of tokensOf(source)) await dropNode(qmp, `${use}-to-${token}`);
};
