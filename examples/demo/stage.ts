/**
 * The demo's world: two sites in one temporary directory, with an array and a compute each, built
 * of files and processes by the plugin `files`. All of it is gone when the stage is cleared.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import files from '@siteswap/plugin-files';
import { moverIdle, stopVms } from '@siteswap/plugin-files/inspect';
import { provisionPair } from '@siteswap/plugin-files/provision';
import { connect } from '@siteswap/sdk/plugin';
import { type DaemonConfig, startDaemon, type TestDaemon } from '@siteswap/sdk/testing';

/** Four consistency groups, each with two devices and three VMs. */
export const groupIds = ['erp', 'shop', 'mail', 'files'] as const;
export const devicesOf = (group: string): string[] => [`${group}-1`, `${group}-2`];
export const vmsOf = (group: string): string[] =>
  ['db', 'app', 'web'].map((vm) => `${group}-${vm}`);

/** Between two heartbeats of a VM: what is lost can be counted in these. */
export const heartbeatMs = 20;

const deviceBytes = 4 * 1024 * 1024;

/** Held at `register`, once for each VM: long enough to compare both sides while nothing writes. */
const holdMs = 2_500;

export const planYaml = `id: company
name: Everything the company runs on
protectedSite: east
recoverySite: west
protectionGroups:
  - id: business
    groups: [array-east/erp, array-east/shop]
    vms:
      - {id: erp-db, priority: 1}
      - {id: erp-app, priority: 2, dependsOn: [erp-db]}
      - {id: erp-web, priority: 3}
      - {id: shop-db, priority: 1}
      - {id: shop-app, priority: 2, dependsOn: [shop-db]}
      - {id: shop-web, priority: 3}
  - id: office
    groups: [array-east/mail, array-east/files]
    vms:
      - {id: mail-db, priority: 1}
      - {id: mail-app, priority: 2}
      - {id: mail-web, priority: 3}
      - {id: files-db, priority: 1}
      - {id: files-app, priority: 2}
      - {id: files-web, priority: 3}
options: {storageWorkgroupMax: 1}
`;

const configOf = (at: (name: string) => string): DaemonConfig => {
  const storage = (site: string, peer: string) => ({
    id: `array-${site}`,
    site,
    plugin: 'files',
    config: { directory: at(`array-${site}`), peers: { [`array-${peer}`]: at(`array-${peer}`) } },
  });
  const compute = (site: string) => ({
    id: `compute-${site}`,
    site,
    plugin: 'files',
    config: {
      directory: at(`compute-${site}`),
      arrays: { [`array-${site}`]: at(`array-${site}`) },
      heartbeatMs,
    },
  });
  return {
    site: 'west',
    sites: [
      { id: 'east', name: 'East' },
      { id: 'west', name: 'West' },
    ],
    plugins: [{ id: 'files', module: '@siteswap/plugin-files' }],
    arrays: [storage('east', 'west'), storage('west', 'east')],
    computes: [compute('east'), compute('west')],
    injections: [
      {
        name: 'hold-to-compare',
        step: 'register',
        budget: groupIds.length * 3,
        effect: { effect: 'delay', delayMs: holdMs },
      },
    ],
  };
};

/** The VMs are running when the curtain rises, as they would be anywhere. */
const powerOnAll = async (config: DaemonConfig): Promise<void> => {
  const [compute] = config.computes;
  if (compute === undefined) return;
  const signal = new AbortController().signal;
  const session = await files.open({
    config: files.config.parse(compute.config),
    remoteId: compute.id,
    siteId: compute.site,
    signal,
    connect,
  });
  const verb = files.verbs.powerOn;
  const run = typeof verb === 'function' ? verb : verb?.run;
  const targets = groupIds.flatMap(vmsOf).map((id) => ({ id, instance: 'production' as const }));
  const deadlineMs = Date.now() + 60_000;
  const call = { session, targets, args: {}, key: 'stage/on/run/1', attempt: 1, epoch: 0 };
  const answers = (await run?.({ ...call, signal, deadlineMs })) ?? [];
  for (const answer of answers) if ('fault' in answer) throw new Error(answer.fault.message);
  await files.close?.(session);
};

export interface Stage {
  readonly root: string;
  readonly daemon: TestDaemon;
  /** Directory of an array or compute. */
  readonly at: (name: string) => string;
  /** As a fire would: the VMs of a site stop, and its storage is not there any more. */
  readonly loseSite: (site: string) => Promise<void>;
  /** Ends every process and removes every file. */
  readonly clear: () => Promise<void>;
}

/** Builds the world and starts a daemon in it. */
export const setStage = async (): Promise<Stage> => {
  const root = await mkdtemp(join(tmpdir(), 'siteswap-demo-'));
  const at = (name: string): string => join(root, name);
  const config = configOf(at);
  let daemon: TestDaemon | undefined;
  const clear = async (): Promise<void> => {
    await daemon?.stop();
    for (const site of ['east', 'west']) {
      await stopVms(at(`compute-${site}`)).catch(() => {});
      await moverIdle(at(`array-${site}`)).catch(() => {});
    }
    await rm(root, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await provisionPair({
      source: {
        id: 'array-east',
        directory: at('array-east'),
        computeDirectory: at('compute-east'),
      },
      target: {
        id: 'array-west',
        directory: at('array-west'),
        computeDirectory: at('compute-west'),
      },
      groups: groupIds.map((id) => ({
        id,
        devices: devicesOf(id).map((device) => ({ id: device, sizeBytes: deviceBytes })),
        vms: vmsOf(id),
      })),
    });
    await powerOnAll(config);
    daemon = await startDaemon({ config, stateDir: at('state') });
  } catch (error) {
    await clear();
    throw error;
  }
  const loseSite = async (site: string): Promise<void> => {
    await stopVms(at(`compute-${site}`));
    await rename(at(`array-${site}`), at(`array-${site}.gone`));
    await rename(at(`compute-${site}`), at(`compute-${site}.gone`));
  };
  return { root, daemon, at, loseSite, clear };
};
