/** The files plugin under the conformance suite: two directories, real bytes, real processes. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeSlow, moverIdle, partSites, stopVms, writeAs } from '@siteswap/plugin-files/inspect';
import { provisionPair } from '@siteswap/plugin-files/provision';
import type { Fixture, RemoteFixture } from '../../sdk/conformance/index.ts';
import { conformance } from './_harness.ts';

const sizeBytes = 256 * 1024;
const token = 'a token of the conformance test';
const heartbeatMs = 10;

const at = (arrayId: string, ids: readonly string[]) =>
  ids.map((deviceId) => ({ arrayId, deviceId }));

const remotesIn = (root: string) => {
  const directories: Record<string, string> = {};
  for (const id of ['a', 'b', 'compute-a', 'compute-b']) directories[id] = join(root, id);
  const arrayAt = (id: string, peer: string): RemoteFixture => ({
    id,
    siteId: id,
    config: { directory: directories[id], peers: { [peer]: directories[peer] }, token },
  });
  const seenBy = (id: string, arrayId: string) => ({
    directory: directories[id],
    arrays: { [arrayId]: directories[arrayId] },
  });
  const compute = (id: string, arrayId: string, peer: string): RemoteFixture => ({
    id,
    siteId: arrayId,
    config: {
      ...seenBy(id, arrayId),
      computes: { [`compute-${peer}`]: seenBy(`compute-${peer}`, peer) },
      heartbeatMs,
    },
  });
  return {
    directoryOf: (id: string): string => directories[id] as string,
    arrays: { source: arrayAt('a', 'b'), target: arrayAt('b', 'a') },
    computes: { source: compute('compute-a', 'a', 'b'), target: compute('compute-b', 'b', 'a') },
  };
};

/** Two groups, one of them of two devices, and a stretched one, with a VM on each; a shared one. */
const provision = (directoryOf: (id: string) => string, shared: string) => {
  const spec = (id: string) => ({
    id,
    directory: directoryOf(id),
    computeDirectory: directoryOf(`compute-${id}`),
    token,
  });
  return provisionPair({
    source: spec('a'),
    target: spec('b'),
    groups: [
      {
        id: 'g1',
        devices: [
          { id: 'd1', peerId: 'r1', sizeBytes },
          { id: 'd2', peerId: 'r2', sizeBytes: 2 * sizeBytes, room: 1 },
        ],
        vms: [{ id: 'vm1', devices: ['d1', 'd2'] }],
      },
      { id: 'g2', devices: [{ id: 'd3', peerId: 'r3', sizeBytes }], vms: ['vm2'] },
      {
        id: 'g3',
        devices: [{ id: 'd4', peerId: 'r4', sizeBytes }],
        vms: ['vm3'],
        stretched: { directory: join(shared, 'g3') },
      },
      {
        id: 'g4',
        devices: [{ id: 'd5', sizeBytes }],
        stretched: { directory: join(shared, 'g4'), unnamed: true },
      },
    ],
  });
};

const fixture = async (): Promise<Fixture> => {
  const root = await mkdtemp(join(tmpdir(), 'siteswap-conformance-'));
  const { directoryOf, arrays, computes } = remotesIn(root);
  const directories = ['a', 'b', 'compute-a', 'compute-b'].map(directoryOf);
  const shared = join(root, 'shared');
  const clear = async (): Promise<void> => {
    for (const id of ['compute-a', 'compute-b']) await stopVms(directoryOf(id));
    for (const id of ['a', 'b']) await moverIdle(directoryOf(id));
    for (const directory of [...directories, shared]) {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    }
  };
  await provision(directoryOf, shared);
  return {
    plugin: '@siteswap/plugin-files',
    arrays,
    computes,
    groups: [
      { source: { id: 'g1', devices: ['d1', 'd2'] }, target: { id: 'g1', devices: ['r1', 'r2'] } },
      { source: { id: 'g2', devices: ['d3'] }, target: { id: 'g2', devices: ['r3'] } },
    ],
    datastores: [
      { id: 'ds-d1', devices: { source: at('a', ['d1']), target: at('b', ['r1']) } },
      { id: 'ds-d2', devices: { source: at('a', ['d2']), target: at('b', ['r2']) } },
      { id: 'ds-d3', devices: { source: at('a', ['d3']), target: at('b', ['r3']) } },
    ],
    vms: [
      { id: 'vm1', datastoreIds: ['ds-d1', 'ds-d2'] },
      { id: 'vm2', datastoreIds: ['ds-d3'] },
    ],
    move: { vmId: 'vm2', toDatastoreId: 'ds-d2' },
    stretched: {
      group: { source: { id: 'g3', devices: ['d4'] }, target: { id: 'g3', devices: ['r4'] } },
      datastores: [{ id: 'ds-d4', devices: { source: at('a', ['d4']), target: at('b', ['r4']) } }],
      vms: [{ id: 'vm3', datastoreIds: ['ds-d4'] }],
    },
    shared: { source: { id: 'g4', devices: ['d5'] }, target: { id: 'g4', devices: ['d5'] } },
    accepts: ['sync', 'reverse', 'resync'],
    hooks: {
      slow: (remoteId, delayMs) => makeSlow(directoryOf(remoteId), delayMs),
      unreachable: (remoteId, broken) => {
        const here = directoryOf(remoteId);
        return broken ? rename(here, `${here}-away`) : rename(`${here}-away`, here);
      },
      part: (parted) => partSites(directoryOf('a'), 'g3', parted),
      write: (arrayId, deviceId, lineage) => writeAs(directoryOf(arrayId), deviceId, lineage),
    },
    reset: async () => {
      await clear();
      await provision(directoryOf, shared);
    },
    close: async () => {
      await clear();
      await rm(root, { recursive: true, force: true });
    },
  };
};

await conformance({ fixture });
