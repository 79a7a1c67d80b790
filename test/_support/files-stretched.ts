/** Two sites of the files plugin with one stretched group, in a directory that both see. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceStatus } from '@siteswap/sdk/plugin';
import type { ExecutionContext } from 'ava';
import { g1, makeSites, oneGroup, type Remote, type Sites, wordOf } from './files.ts';

export const vm = { id: 'vm1', instance: 'production' } as const;

export interface StretchedSites extends Sites {
  /** What both arrays see. */
  readonly shared: string;
}

export const stretchedSites = async (
  t: ExecutionContext,
  more: { readonly crossSiteMs?: number } = {},
): Promise<StretchedSites> => {
  const folder = await mkdtemp(join(tmpdir(), 'siteswap-shared-'));
  const shared = join(folder, 'g1');
  const sites = await makeSites(
    oneGroup.map((group) => ({ ...group, stretched: { directory: shared, ...more } })),
  );
  t.teardown(async () => {
    await sites.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return { ...sites, shared };
};

export const statusAt = async (remote: Remote, side: 'a' | 'b'): Promise<DeviceStatus> => {
  const answer = await remote.call('deviceStatus', g1[side]);
  if (!('value' in answer)) throw new Error(JSON.stringify(answer));
  return answer.value[0] as DeviceStatus;
};

/** Mounts, registers and starts the VM at a compute; the word of the last answer. */
export const startAt = async (compute: Remote): Promise<string> => {
  for (const id of ['ds-d1', 'ds-d2']) {
    const word = wordOf(await compute.done('mount', { id, instance: 'production' }));
    if (word !== 'ok') return word;
  }
  const word = wordOf(await compute.done('register', vm));
  return word === 'ok' ? wordOf(await compute.done('powerOn', vm)) : word;
};
