/** A real daemon process over a simulated world that stands in a process of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  connectLab,
  type LabControl,
  type LabOptions,
  labSpec,
  startLabWorld,
} from '@siteswap/plugin-lab/control';
import {
  type DaemonConfig,
  labConfig,
  startDaemon,
  type TestDaemon,
} from '../../sdk/testing/index.ts';
import { type Printed, siteswap } from './cli.ts';
import { hostileParts, type Misdeed } from './hostile.ts';

export interface LabDaemon {
  readonly daemon: TestDaemon;
  readonly lab: LabControl;
  /** For whatever the test writes; gone at the end. */
  readonly directory: string;
  /** `siteswap …args`, against this daemon. */
  readonly type: (...args: readonly string[]) => Promise<Printed>;
  readonly close: () => Promise<void>;
}

export interface LabDaemonOptions {
  readonly world?: LabOptions;
  readonly config?: Partial<DaemonConfig>;
  /** Arrays beside the lab's, behind plugins that misbehave; plans must be kept off `site-a`. */
  readonly misdeeds?: readonly Misdeed[];
  /** How lab-a is shown, together with lab-b. */
  readonly present?: 'shared-as-stretched' | 'pair-as-stretched';
  /** Where the daemon keeps its state. */
  readonly stateDir?: string;
  /** Time of the world stands until it is advanced. */
  readonly drivenFromMs?: number;
}

export const startOnLab = async (options: LabDaemonOptions = {}): Promise<LabDaemon> => {
  const directory = await mkdtemp(join(tmpdir(), 'siteswap-'));
  const socket = join(directory, 'lab.sock');
  const { drivenFromMs } = options;
  const spec = labSpec(options.world);
  const world = await startLabWorld({
    socket,
    spec,
    ...(drivenFromMs === undefined ? {} : { drivenFromMs }),
  });
  const lab = connectLab(socket);
  const leave = async () => {
    lab.close();
    await world.close();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const { config = {}, misdeeds = [], present, stateDir } = options;
    const hostile = hostileParts(socket, misdeeds);
    const shown = present === undefined ? {} : { present, peer: 'lab-b' };
    const [storage, ...others] = labConfig(1, world).arrays;
    const first = storage === undefined ? [] : [{ ...storage, ...shown }];
    const arrays = [...first, ...others, ...hostile.arrays];
    const { plugins } = hostile;
    const daemon = await startDaemon({
      world,
      plugins,
      config: { arrays, ...config },
      ...(stateDir === undefined ? {} : { stateDir }),
    });
    const close = async () => {
      await daemon.stop();
      await leave();
    };
    const type = (...args: readonly string[]) =>
      siteswap(...args, '--address', daemon.address, '--as', 'ann');
    return { daemon, lab, directory, type, close };
  } catch (error) {
    await leave();
    throw error;
  }
};

/** A plan over groups of the lab's world, from `site-a` to `site-b`. */
export const labPlan = (id: string, groupIds: readonly string[], vmIds?: readonly string[]) => ({
  id,
  protectedSiteId: 'site-a',
  recoverySiteId: 'site-b',
  protectionGroups: [
    {
      id: 'pg',
      groups: groupIds.map((groupId) => ({ arrayId: 'lab-a', id: groupId })),
      ...(vmIds === undefined ? {} : { vms: { vms: vmIds.map((vmId) => ({ id: vmId })) } }),
    },
  ],
});
