/** The lab passes the suite that every plugin must pass, its world in a process of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connectLab,
  datastoreIdOf,
  deviceIdOf,
  labSpec,
  sharedIdOf,
  startLabWorld,
  vmIdOf,
} from '../../plugins/lab/control.ts';
import plugin from '../../plugins/lab/index.ts';
import type {
  DatastoreFixture,
  Fixture,
  RemoteFixture,
  Side,
  VmFixture,
} from '../../sdk/conformance/index.ts';
import { conformance } from './_harness.ts';

/** Of driven time: an operation is seen running, and nobody waits for it. */
const operationMs = 60;

const siteIds = { source: 'site-a', target: 'site-b' };
const groups = [1, 2];
/** It comes behind the plain ones. */
const stretched = 3;
const devices = [1, 2];
const vmsPerGroup = 2;

const deviceIds = (side: Side, group: number): readonly string[] =>
  devices.map((device) => deviceIdOf(siteIds[side], group, device));

/** The last group. */
const sharedIds = devices.map((device) => sharedIdOf(stretched + 1, device));

const both = <T>(make: (side: Side) => T) => ({ source: make('source'), target: make('target') });

const suffixOf = (side: Side): string => siteIds[side].slice(-1);

const datastoreOf = (group: number, device: number): DatastoreFixture => ({
  id: datastoreIdOf(group, device),
  devices: both((side) => [
    { arrayId: `lab-${suffixOf(side)}`, deviceId: deviceIdOf(siteIds[side], group, device) },
  ]),
});

const vmOf = (group: number, device: number): VmFixture => ({
  id: vmIdOf((group - 1) * vmsPerGroup + device),
  datastoreIds: [datastoreIdOf(group, device)],
});

const fixture = async (): Promise<Fixture> => {
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-lab-'));
  const socket = join(folder, 'lab.sock');
  const spec = labSpec({
    groups: groups.length,
    stretched: 1,
    shared: 1,
    devicesPerGroup: devices.length,
    vmsPerGroup,
    heartbeatMs: 1,
    operationMs: { sync: operationMs, reverse: operationMs, resync: operationMs },
  });
  const world = await startLabWorld({ socket, spec, drivenFromMs: 1 });
  const lab = connectLab(socket);
  const remote = (prefix: string) =>
    both(
      (side): RemoteFixture => ({
        id: `${prefix}${suffixOf(side)}`,
        siteId: siteIds[side],
        config: { world: { socket } },
      }),
    );
  return {
    plugin,
    arrays: remote('lab-'),
    computes: remote('lab-compute-'),
    groups: groups.map((group) =>
      both((side) => ({ id: `cg-000${group}`, devices: deviceIds(side, group) })),
    ),
    datastores: groups.flatMap((group) => devices.map((device) => datastoreOf(group, device))),
    vms: groups.flatMap((group) => devices.map((device) => vmOf(group, device))),
    move: { vmId: vmIdOf(1), toDatastoreId: datastoreIdOf(1, 2) },
    stretched: {
      group: both((side) => ({ id: 'cg-0003', devices: deviceIds(side, stretched) })),
      datastores: devices.map((device) => datastoreOf(stretched, device)),
      vms: devices.map((device) => vmOf(stretched, device)),
    },
    shared: both(() => ({ id: 'cg-0004', devices: sharedIds })),
    accepts: ['sync', 'reverse', 'resync'],
    hooks: {
      slow: (remoteId, ms) => lab.setLatency({ remoteId, ms }),
      unreachable: (remoteId, broken) => lab.setDown(remoteId, broken),
      wait: (ms) => lab.advance(ms),
      part: (parted) =>
        parted ? lab.cutLink('site-a', 'site-b') : lab.healLink('site-a', 'site-b'),
      write: (arrayId, deviceId, lineage) => lab.write(arrayId, deviceId, lineage),
    },
    reset: () => lab.reset(),
    close: async () => {
      lab.close();
      await world.close();
      await rm(folder, { recursive: true });
    },
  };
};

await conformance({ fixture, lacks: ['a secret in the config'] });
