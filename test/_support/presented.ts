/** Two arrays and a compute of a recording storage, shown as configured: a pool above, a door. */
import type { PresentedAs } from '../../daemon/core/presentation.ts';
import { presentationsOf } from '../../daemon/core/presentation.ts';
import { Gateway } from '../../daemon/gateway/gateway.ts';
import { Wire } from '../../daemon/gateway/wire.ts';
import { Host } from '../../daemon/host/host.ts';
import { checkLoaded } from '../../daemon/host/load.ts';
import { Ends, endOf } from '../../daemon/present/ends.ts';
import { createPresent } from '../../daemon/present/present.ts';
import { presentingPool } from '../../daemon/runner/presenting.ts';
import { createInlinePool } from '../../daemon/workers/inline.ts';
import type { Job, JobFault, ListingJob, RemoteConfig } from '../../daemon/workers/pool.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import type { Datastore, Device } from '../../sdk/plugin/index.ts';
import { type Recorder, recorder } from './plugins/recorder.ts';

export const remotesOf = (as: PresentedAs): readonly RemoteConfig[] => {
  const remote = (id: string, siteId: string, kind: RemoteConfig['kind'] = 'array') => ({
    id,
    kind,
    siteId,
    pluginId: 'recorder',
    module: 'recorder',
    config: {},
  });
  return [
    { ...remote('a', 'site-a'), present: { as, peerArrayId: 'b' } },
    remote('b', 'site-b'),
    remote('hosts-b', 'site-b', 'compute'),
  ];
};

const clock = systemClock();

/** A door to one of the arrays, as a command of these ends gets it. */
const doorOf = (far: Recorder, remotes: readonly RemoteConfig[]) => {
  const load = async () => checkLoaded('recorder', far.plugin);
  const isLost = () => false;
  const wire = new Wire(isLost, () => {});
  const connectorFor = ({ id, siteId }: RemoteConfig) => wire.connectorFor(id, siteId);
  const host = new Host({ remotes, load, clock, refusal: () => undefined, connectorFor });
  const siteOf = (id: string) => remotes.find((remote) => remote.id === id)?.siteId;
  const gateway = new Gateway({ host, wire, clock, siteOf, isLost });
  const presentations = presentationsOf(remotes);
  const present = createPresent(presentations);
  return (arrayId: string, sources: Readonly<Record<string, string>> = {}) => {
    const presentation = presentations.get(arrayId);
    const { devices } = far.at(arrayId);
    const ends = new Ends(
      presentation === undefined ? [] : devices.map((one) => endOf(presentation, arrayId, one)),
    );
    const door = gateway.door({
      remoteId: arrayId,
      key: 'k',
      attempt: 1,
      epoch: 1,
      deadlineMs: clock.now() + 10_000,
      injections: [],
      crash: () => new Promise(() => {}),
    });
    return present(door, arrayId, { arrayIds: [arrayId], ends: [...ends.all()], sources });
  };
};

export const presentedStage = (as: PresentedAs) => {
  const far = recorder();
  const remotes = remotesOf(as);
  const plugins = new Map([['recorder', far.plugin]]);
  const inner = createInlinePool({ remotes, plugins, clock });
  const jobs: Job[] = [];
  const noting = {
    ...inner,
    run: ((job: Job) => {
      jobs.push(job);
      return inner.run(job);
    }) as typeof inner.run,
  };
  const sourceOf = () => 'site-a';
  const pool = presentingPool({ pool: noting, remotes, clock, sourceOf });
  const listed = async (
    remoteId: string,
    verb: ListingJob['verb'],
  ): Promise<readonly unknown[]> => {
    const items: unknown[] = [];
    for (let token: string | undefined; ; ) {
      const page = { ...(token !== undefined && { token }), sizeMax: 100 };
      const found = await pool.run({ kind: 'listing', remoteId, verb, page, timeoutMs: 5_000 });
      if (found.kind === 'fault') throw new Error((found as JobFault).fault.message);
      items.push(...found.items);
      token = found.next;
      if (token === undefined) return items;
    }
  };
  return {
    ...far,
    pool,
    jobs,
    door: doorOf(far, remotes),
    devices: (arrayId: string) => listed(arrayId, 'discoverDevices') as Promise<readonly Device[]>,
    datastores: (id: string) => listed(id, 'listDatastores') as Promise<readonly Datastore[]>,
  };
};
