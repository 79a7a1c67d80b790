/** Puts together what runs plugin code in one thread: host, gateway, translations, executor. */
import type { Clock } from '../core/clock.ts';
import { presentationsOf } from '../core/presentation.ts';
import { lostFault } from '../gateway/faults.ts';
import { Gateway } from '../gateway/gateway.ts';
import { Host } from '../host/host.ts';
import type { Loaded } from '../host/load.ts';
import type { RemoteConfig } from '../host/remote.ts';
import { createPresent } from '../present/present.ts';
import type { Step } from '../steps/step.ts';
import { createExecutor } from './execute.ts';

export interface WorldParts {
  readonly remotes: readonly RemoteConfig[];
  readonly load: (remote: RemoteConfig) => Promise<Loaded>;
  readonly clock: Clock;
  readonly isLost: (siteId: string) => boolean;
  readonly stepNamed: (name: string) => Step | undefined;
}

export const createWorld = ({ stepNamed, isLost, ...parts }: WorldParts) => {
  const { clock, remotes } = parts;
  const sites = new Map(remotes.map(({ id, siteId }) => [id, siteId]));
  const refusal = ({ siteId }: RemoteConfig) =>
    isLost(siteId) ? lostFault(siteId, 'open') : undefined;
  const host = new Host({ ...parts, refusal });
  const siteOf = (remoteId: string) => sites.get(remoteId);
  const gateway = new Gateway({ host, clock, siteOf, isLost });
  const present = createPresent(presentationsOf(remotes));
  return { host, gateway, execute: createExecutor({ gateway, present, stepNamed, clock }) };
};
