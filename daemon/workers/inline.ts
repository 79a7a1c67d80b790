/**
 * A pool in the caller's own thread, for tests and simulation: the same host, gateway and steps as
 * in the threads, no timers of its own, and plugins handed in. It cannot end a plugin that loops.
 */
import { describe } from '../../sdk/plugin/check.ts';
import type { Clock } from '../core/clock.ts';
import { readConfigs } from '../host/config.ts';
import { checkLoaded } from '../host/load.ts';
import type { RemoteConfig } from '../host/remote.ts';
import { steps } from '../steps/registry.ts';
import { poolClosed, workerLost } from './faults.ts';
import type { Described, DescribeJob, Job, JobFault, Pool, ResultOf } from './pool.ts';
import { OpenJobs, withStrikes } from './strikes.ts';
import { createWorld } from './world.ts';

export interface InlinePoolOptions {
  readonly remotes: readonly RemoteConfig[];
  /** Plugin id → what its module would export by default. */
  readonly plugins: ReadonlyMap<string, unknown>;
  readonly clock: Clock;
}

/** There is no thread that could end: the job is answered as if one had. */
const crashing = (strikes: ReadonlySet<string>) => {
  const { promise: crashed, resolve } = Promise.withResolvers<JobFault>();
  const crash = (): Promise<never> => {
    resolve(withStrikes(workerLost('injected'), strikes));
    return new Promise(() => {});
  };
  return { crash, crashed };
};

export const createInlinePool = ({ remotes, plugins, clock }: InlinePoolOptions): Pool => {
  const lost = new Set<string>();
  const loaded = (pluginId: string) => checkLoaded(pluginId, plugins.get(pluginId));
  const wireHits = new Map<string, number>();
  const { host, gateway, wire, execute } = createWorld({
    remotes,
    load: async (remote) => loaded(remote.pluginId),
    clock,
    isLost: (siteId) => lost.has(siteId),
    stepNamed: (name) => steps.get(name),
    wireHit: (rule) => wireHits.set(rule, (wireHits.get(rule) ?? 0) + 1),
  });
  const open = new OpenJobs();
  let closed = false;

  const described = ({ pluginId }: DescribeJob): Described | JobFault => {
    const plugin = loaded(pluginId);
    if ('fault' in plugin) return { kind: 'fault', ...plugin };
    const own = remotes.filter((remote) => remote.pluginId === pluginId);
    const { misconfigured } = readConfigs(plugin.definition, own);
    return { ...describe(plugin.definition), misconfigured };
  };

  const run = async (job: Job): Promise<ResultOf<Job>> => {
    if (closed) return poolClosed;
    if (job.kind === 'describe') return described(job);
    return open.during(job, (strikes) => {
      const { crash, crashed } = crashing(strikes);
      const struck = (rule: string) => void strikes.add(rule);
      const dispatch = { dueMs: clock.now() + job.timeoutMs, crash, struck };
      return Promise.race([execute(job, dispatch), crashed]);
    });
  };

  return {
    // There is no way to a thread that could be saved.
    stage: () => undefined,
    run: <J extends Job>(job: J) => run(job) as Promise<ResultOf<J>>,
    setSiteLost: (siteId, isLost) => {
      if (!isLost) lost.delete(siteId);
      else if (!lost.has(siteId)) {
        lost.add(siteId);
        gateway.siteLost(siteId);
      }
    },
    setWire: async (rules) => {
      wireHits.clear();
      for (const { name } of rules) wireHits.set(name, 0);
      wire.set(rules);
    },
    wireHits: () => new Map(wireHits),
    struck: () => open.struck(),
    health: () => ({ threads: 0, inFlight: open.size, blocked: {} }),
    close: () => {
      closed = true;
      gateway.close();
      return host.close();
    },
  };
};
