/** An engine on two arrays that give access to one shared device `A`, and hosts at both sites. */
import { createFeed } from '../../daemon/feed/feed.ts';
import type { RemoteConfig } from '../../daemon/host/remote.ts';
import type { Append } from '../../daemon/journal/journal.ts';
import { MemoryJournal } from '../../daemon/journal/memory.ts';
import { Draws } from '../../daemon/runner/draws.ts';
import { openEngine } from '../../daemon/runner/engine.ts';
import { silentLog } from '../../daemon/runner/log.ts';
import { createInlinePool } from '../../daemon/workers/inline.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';
import { definePlugin, type VmTarget, z } from '../../sdk/plugin/index.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import { sites, untilRest } from './engine-on-lab.ts';
import { device, type Recorder, recorder } from './plugins/recorder.ts';

const arrayOf: Readonly<Record<string, string>> = { 'hosts-a': 'a', 'hosts-b': 'b' };

const done = {
  run: ({ targets }: { readonly targets: readonly { readonly id: string }[] }) =>
    targets.map(({ id }) => ({ id, ok: true }) as const),
  repeatable: true,
} as const;

/** One VM, `vm`, on a datastore on the shared device; it runs at hosts-a. */
const hosts = (note: (verb: string) => void) => {
  let at = 'hosts-a';
  const running = (session: string) => at === session;
  const migration = (session: string) =>
    at === session
      ? ({ state: 'none' } as const)
      : ({ state: 'completed', fromComputeId: session, toComputeId: at } as const);
  return definePlugin({
    name: 'hosts',
    version: '1',
    contract: 1,
    config: z.object({}),
    open: ({ remoteId }) => remoteId,
    close: () => {},
    verbs: {
      listVms: ({ session }) => ({
        items: running(session)
          ? [{ id: 'vm', name: 'vm', datastoreIds: ['ds'], power: 'on', instance: 'production' }]
          : [],
      }),
      listDatastores: ({ session }) => ({
        items: [
          {
            id: 'ds',
            name: 'ds',
            devices: [{ arrayId: arrayOf[session] ?? '', deviceId: 'A' }],
            mounted: true,
            instance: 'production',
          },
        ],
      }),
      vmStatus: ({ session, targets }) =>
        targets.map(({ id }: VmTarget) => {
          const power = running(session) ? 'on' : 'off';
          return { id, value: { id, registered: running(session), power } };
        }),
      mount: done,
      unmount: done,
      register: done,
      powerOn: {
        run: ({ session, targets }) => {
          at = session;
          return targets.map(({ id }) => ({ id, ok: true }));
        },
        repeatable: true,
      },
      migrateLive: {
        run: ({ targets, args }) => {
          at = args.toComputeId;
          note(`migrateLive to ${at}`);
          return targets.map(({ id }) => ({ id, ok: true }));
        },
        repeatable: true,
      },
      migrationStatus: ({ session, targets }) =>
        targets.map(({ id }) => ({ id, value: migration(session) })),
    },
  });
};

const remote = (id: string, kind: RemoteConfig['kind'], siteId: string, pluginId: string) => ({
  id,
  kind,
  siteId,
  pluginId,
  module: pluginId,
  config: {},
});

const remotes: readonly RemoteConfig[] = [
  {
    ...remote('a', 'array', 'site-a', 'recorder'),
    present: { as: 'shared-as-stretched', peerArrayId: 'b' },
  },
  remote('b', 'array', 'site-b', 'recorder'),
  remote('hosts-a', 'compute', 'site-a', 'hosts'),
  remote('hosts-b', 'compute', 'site-b', 'hosts'),
];

type Appends = readonly Append[];

let ids = 0;

/** Opens engines on one journal, one after the other. */
const opener = (far: Recorder, rules: readonly CallRule[], appended: Appends[]) => {
  const refuse = (appends: Appends) => {
    appended.push(appends);
    return undefined;
  };
  const { store } = new MemoryJournal();
  const note = (verb: string) => far.heard.push({ remoteId: '', verb, targets: [], args: {} });
  const plugins = new Map<string, unknown>([
    ['recorder', far.plugin],
    ['hosts', hosts(note)],
  ]);
  const clock = systemClock();
  return () => {
    const journal = new MemoryJournal({ store, refuse });
    return openEngine({
      journal,
      pool: createInlinePool({ remotes, plugins, clock }),
      feed: createFeed(journal, clock),
      clock,
      random: { id: () => `id-${++ids}`, fraction: () => 0.5 },
      draws: new Draws(rules),
      log: silentLog,
      ownSiteId: 'site-b',
      sites,
      plugins: [...plugins.keys()].map((id) => ({ id, module: id })),
      remotes,
    });
  };
};

export const sharedRig = async (rules: readonly CallRule[] = []) => {
  const far = recorder();
  for (const id of ['a', 'b']) far.at(id).devices.push(device('A'));
  const appended: Appends[] = [];
  const open = opener(far, rules, appended);
  const made = {
    ...far,
    engine: await open(),
    appended,
    /** Lets go of the engine as a crash would, and opens another on the same journal. */
    restart: async () => {
      made.engine.close();
      made.engine = await open();
    },
    shown: async (arrayId: string) => (await made.engine.evidence(arrayId, true)).devices,
    /** Which array has the source of the device, as each of them shows it. */
    sources: async (deviceId = 'A') => {
      const found: (string | undefined)[] = [];
      for (const id of ['a', 'b']) {
        const [one] = (await made.shown(id)).filter((each) => each.id === deviceId);
        found.push(one?.preferredSiteId);
      }
      return found.join(' ');
    },
    device: async (verb: DeviceVerb, arrayId: string, args: object = {}) => {
      const asked = { requester: 'tester', requestKey: '', initiatorId: '' };
      const targets = [{ id: 'A', deviceIds: ['A'] }];
      const request = { ...asked, verb, arrayId, targets, args: { ...args } };
      const { runId } = await made.engine.startDeviceRun(request);
      await untilRest(made.engine, runId);
      return (await made.engine.reportRun(runId)).items[0];
    },
  };
  return made;
};

type DeviceVerb = Parameters<Awaited<ReturnType<typeof openEngine>>['startDeviceRun']>[0]['verb'];
