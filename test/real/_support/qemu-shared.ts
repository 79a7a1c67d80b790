/**
 * What two sites share, as a fixture of the suite of vendors: one array, which each site reaches by
 * a way of its own, so that one of them can lose it.
 */
import { mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fastGuest } from '@siteswap/plugin-qemu/guest';
import { killArray, writeAs } from '@siteswap/plugin-qemu/inspect';
import { endVms, enrol, populate, provisionCompute } from '@siteswap/plugin-qemu/populate';
import { provisionShared, stopArray } from '@siteswap/plugin-qemu/provision';
import type { ComputeSession } from '../../../plugins/qemu/session.ts';
import type { Fixture, RemoteFixture } from '../../../sdk/conformance/index.ts';
import { keepTemplate, putBack, reachIn } from './template.ts';

const sizeBytes = 8 * 1024 * 1024;
const siteOf = (id: string): string => `site-${id}`;

/** Directories that are made anew for each claim. */
const places = ['shared', 'compute-a', 'compute-b'];

const provision = async (root: string): Promise<void> => {
  await provisionShared({
    storage: { id: 'a', directory: join(root, 'shared') },
    otherId: 'b',
    siteIds: ['site-a', 'site-b'],
    groups: ['1', '2'].map((n) => ({ id: `g${n}`, devices: [{ id: `d${n}`, sizeBytes }] })),
  });
  for (const id of ['a', 'b']) {
    await symlink(join(root, 'shared'), join(root, id));
    await provisionCompute(join(root, `compute-${id}`));
  }
  const hosts: ComputeSession = {
    ...{ kind: 'compute', id: 'compute-a', siteId: siteOf('a'), start: true },
    ...{ directory: join(root, 'compute-a'), arrays: { a: join(root, 'a') } },
    ...{ hosts: ['host-1'], computes: {} },
  };
  for (const n of ['1', '2']) {
    await populate(hosts, `ds-d${n}`, [{ id: `vm${n}`, image: fastGuest }]);
    await enrol(hosts, `vm${n}`, [`ds-d${n}`]);
  }
  await stopArray(join(root, 'shared'), 'a');
  await keepTemplate(root, places);
};

const datastore = (n: string) => {
  const at = (arrayId: string) => [{ arrayId, deviceId: `d${n}` }];
  return { id: `ds-d${n}`, devices: { source: at('a'), target: at('b') } };
};

const computeAt = (root: string, id: string, other: string): RemoteFixture => {
  const seenBy = (side: string) => ({
    directory: join(root, `compute-${side}`),
    arrays: { [side]: join(root, side) },
  });
  const computes = { [`compute-${other}`]: { site: siteOf(other), ...seenBy(other) } };
  return { id: `compute-${id}`, siteId: siteOf(id), config: { ...seenBy(id), computes } };
};

const groupOf = (n: string) => {
  const group = { id: `g${n}`, devices: [`d${n}`] };
  return { source: group, target: group };
};

/** Two shared groups of a device and a VM each: `1` is the stretched one, `2` for all else. */
export const sharedFixture = async (plugin: object | string, shows: 'stretched' | 'shared') => {
  const root = await mkdtemp(join(tmpdir(), 'sq-'));
  const end = async (): Promise<void> => {
    for (const id of ['a', 'b']) await endVms(join(root, `compute-${id}`));
    await killArray(join(root, 'shared'), 'a');
  };
  await provision(root);
  const arrayAt = (id: string): RemoteFixture => ({
    ...{ id, siteId: siteOf(id), config: { directory: join(root, id) } },
  });
  const stretched = {
    group: groupOf('1'),
    datastores: [datastore('1')],
    vms: [{ id: 'vm1', datastoreIds: ['ds-d1'] }],
  };
  const fixture: Fixture = {
    plugin,
    arrays: { source: arrayAt('a'), target: arrayAt('b') },
    computes: { source: computeAt(root, 'a', 'b'), target: computeAt(root, 'b', 'a') },
    datastores: [datastore('2')],
    vms: [{ id: 'vm2', datastoreIds: ['ds-d2'] }],
    ...(shows === 'stretched' ? { stretched } : { shared: groupOf('1') }),
    hooks: {
      unreachable: reachIn(root),
      write: (id, deviceId, lineage) =>
        writeAs(join(root, 'shared'), id, deviceId, lineage, siteOf(id)),
    },
    ...putBack(root, places, end),
  };
  return fixture;
};
