/** Puts together what runs plugin code in one thread: host, gateway, translations, executor. */
import type { Clock } from '../core/clock.ts';
import { presentationsOf } from '../core/presentation.ts';
import { lostFault } from '../gateway/faults.ts';
import { Gateway } from '../gateway/gateway.ts';
import { Wire } from '../gateway/wire.ts';
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
  /** A wire rule did something. */
  readonly wireHit: (rule: string) => void;
}

export const createWorld = ({ stepNamed, isLost, wireHit, ...parts }: WorldParts) => {
  const { clock, remotes } = parts;
  const sites = new Map(remotes.map(({ id, siteId }) => [id, siteId]));
  const refusal = ({ siteId }: RemoteConfig) =>
    isLost(siteId) ? lostFault(siteId, 'open') : undefined;
  const wire = new Wire(isLost, wireHit);
  const connectorFor = ({ id, siteId }: RemoteConfig) => wire.connectorFor(id, siteId);
  const host = new Host({ ...parts, refusal, connectorFor });
  const siteOf = (remoteId: string) => sites.get(remoteId);
  const gateway = new Gateway({ host, wire, clock, siteOf, isLost });
  const present = createPresent(presentationsOf(remotes));
  return { host, gateway, wire, execute: createExecutor({ gateway, present, stepNamed, clock }) };
};
