/**
 * A pair of arrays with a group of two devices and one of a single device, as a fixture of the
 * suite of vendors: as the plugin tells of it, or as `present: pair-as-stretched` shows it.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastGuest } from '@siteswap/plugin-qemu/guest';
import { killArray, writeAs } from '@siteswap/plugin-qemu/inspect';
import { endVms, enrol, populate, provisionCompute } from '@siteswap/plugin-qemu/populate';
import { provisionPair, stopArray } from '@siteswap/plugin-qemu/provision';
import type { ComputeSession } from '../../../plugins/qemu/session.ts';
import type { Fixture, RemoteFixture } from '../../../sdk/conformance/index.ts';
import { keepTemplate, putBack, reachIn } from './template.ts';

const sizeBytes = 8 * 1024 * 1024;

const at = (arrayId: string, deviceId: string) => [{ arrayId, deviceId }];

const datastore = (id: string, peerId: string) => ({
  id: `ds-${id}`,
  devices: { source: at('a', id), target: at('b', peerId) },
});

const hostsOf = (root: string, id: string): ComputeSession => ({
  ...{ kind: 'compute', id: `compute-${id}`, siteId: `site-${id}`, start: true },
  ...{ directory: join(root, `compute-${id}`), arrays: { [id]: join(root, id) } },
  ...{ hosts: ['host-1'], computes: {} },
});

/** A VM on the two devices of the first group, and one on that of the second; both off. */
const putVms = async (root: string): Promise<void> => {
  for (const id of ['a', 'b']) await provisionCompute(join(root, `compute-${id}`));
  const hosts = hostsOf(root, 'a');
  await populate(hosts, 'ds-d1', [{ id: 'vm1', image: fastGuest }]);
  await populate(hosts, 'ds-d2', [{ id: 'vm1', disk: 1 }]);
  await populate(hosts, 'ds-d3', [{ id: 'vm2', image: fastGuest }]);
  await enrol(hosts, 'vm1', ['ds-d1', 'ds-d2']);
  await enrol(hosts, 'vm2', ['ds-d3']);
};

const provision = async (root: string): Promise<void> => {
  await provisionPair({
    source: { id: 'a', directory: join(root, 'a') },
    target: { id: 'b', directory: join(root, 'b') },
    groups: [
      {
        id: 'g1',
        mode: 'asynchronous',
        devices: [
          { id: 'd1', peerId: 'r1', sizeBytes },
          { id: 'd2', peerId: 'r2', sizeBytes },
        ],
      },
      { id: 'g2', mode: 'synchronous', devices: [{ id: 'd3', peerId: 'r3', sizeBytes }] },
    ],
  });
  await putVms(root);
};

const places = ['a', 'b', 'compute-a', 'compute-b'];

/** Ids at the second array; a pair that is shown as one device has the first one's there. */
const peerIds: Readonly<Record<string, string>> = { d1: 'r1', d2: 'r2', d3: 'r3' };

const groupOf = (id: string, devices: readonly string[], isShown: boolean) => {
  const there = devices.map((device) => (isShown ? device : (peerIds[device] as string)));
  return { source: { id, devices }, target: { id, devices: there } };
};

/** What lives on them: of a pair that is shown as one device the storage alone is tried. */
const inhabitants = (root: string): Partial<Fixture> => {
  const computeAt = (id: string): RemoteFixture => ({
    id: `compute-${id}`,
    siteId: `site-${id}`,
    config: { directory: join(root, `compute-${id}`), arrays: { [id]: join(root, id) } },
  });
  return {
    computes: { source: computeAt('a'), target: computeAt('b') },
    datastores: [datastore('d1', 'r1'), datastore('d2', 'r2'), datastore('d3', 'r3')],
    vms: [
      { id: 'vm1', datastoreIds: ['ds-d1', 'ds-d2'] },
      { id: 'vm2', datastoreIds: ['ds-d3'] },
    ],
    move: { vmId: 'vm2', toDatastoreId: 'ds-d1' },
  };
};

export const pairFixture = async (
  plugin: object | string,
  shows: 'plain' | 'stretched',
): Promise<Fixture> => {
  const isShown = shows === 'stretched';
  const root = await mkdtemp(join(tmpdir(), 'siteswap-qemu-'));
  const arrayAt = (id: string, peer: string): RemoteFixture => ({
    id,
    siteId: `site-${id}`,
    config: { directory: join(root, id), peers: { [peer]: join(root, peer) } },
  });
  const end = async (): Promise<void> => {
    for (const id of ['a', 'b']) {
      await endVms(join(root, `compute-${id}`));
      await killArray(join(root, id), id);
    }
  };
  await provision(root);
  for (const id of ['a', 'b']) await stopArray(join(root, id), id);
  await keepTemplate(root, places);
  return {
    plugin,
    arrays: { source: arrayAt('a', 'b'), target: arrayAt('b', 'a') },
    ...(isShown ? {} : inhabitants(root)),
    groups: [groupOf('g1', ['d1', 'd2'], isShown), groupOf('g2', ['d3'], isShown)],
    accepts: ['sync', 'reverse', 'resync'],
    hooks: {
      unreachable: reachIn(root),
      write: (id, deviceId, lineage) => {
        const real = isShown && id === 'b' ? (peerIds[deviceId] as string) : deviceId;
        return writeAs(join(root, id), id, real, lineage);
      },
    },
    ...putBack(root, places, end),
  };
};
