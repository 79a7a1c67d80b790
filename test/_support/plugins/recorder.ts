/**
 * A storage that notes what it is asked: every call with its targets and arguments as they arrived.
 * Its devices are plain data that a test lays out and changes, and its answers name real ids, as an
 * array's do.
 */
import {
  type Answer,
  type Datastore,
  type Device,
  definePlugin,
  type Fault,
  type GroupTarget,
  type TargetVerb,
  z,
} from '@siteswap/sdk/plugin';

export interface Heard {
  readonly remoteId: string;
  readonly verb: string;
  readonly targets: readonly { readonly id: string }[];
  readonly args: object;
}

/** What a storage system at one remote has and says. */
export interface Storage {
  devices: Device[];
  datastores: Datastore[];
  /** In place of success, for a target of a verb. */
  says: (verb: string, target: { readonly id: string }) => Answer | undefined;
}

export const device = (id: string, more: Partial<Device> = {}): Device => ({
  id,
  name: `name of ${id}`,
  sizeBytes: 4096,
  direction: 'none',
  access: 'read-write',
  pairState: 'synchronized',
  ...more,
});

interface Call {
  readonly session: string;
  readonly targets: readonly { readonly id: string }[];
  readonly args: object;
}

/** Everything that this storage offers, with what it heard. Two devices a page. */
export const recorder = () => {
  const heard: Heard[] = [];
  const remotes = new Map<string, Storage>();
  const at = (remoteId: string): Storage => {
    const known = remotes.get(remoteId) ?? { devices: [], datastores: [], says: () => undefined };
    remotes.set(remoteId, known);
    return known;
  };
  const note = (verb: string, { session, targets, args }: Call): void => {
    heard.push({ remoteId: session, verb, targets, args });
  };
  const changing = (verb: TargetVerb) => ({
    run: (call: Call): readonly Answer[] => {
      note(verb, call);
      const { says } = at(call.session);
      return call.targets.map((target) => says(verb, target) ?? { id: target.id, ok: true });
    },
    settle: (call: Call) => {
      note(`settle:${verb}`, call);
      return call.targets.map(
        ({ id }) => ({ id, verdict: 'done', evidence: { seen: id } }) as const,
      );
    },
  });
  const reading = (verb: TargetVerb, value: (session: string, target: GroupTarget) => never) => {
    return (call: Call) => {
      note(verb, call);
      const { says } = at(call.session);
      return call.targets.map((target) => {
        const said = says(verb, target) as { fault: Fault } & Answer;
        if (said !== undefined) return said;
        return { id: target.id, value: value(call.session, target as GroupTarget) };
      });
    };
  };
  const status = (session: string, { devices }: GroupTarget) =>
    at(session)
      .devices.filter(({ id }) => devices.includes(id))
      .map(({ id, direction, access, pairState }) => ({ id, direction, access, pairState }));
  const plugin = definePlugin({
    name: 'recorder',
    version: '1',
    contract: 1,
    config: z.object({}),
    open: ({ remoteId }) => remoteId,
    close: () => {},
    operationStatus: ({ session, targets }) => {
      heard.push({ remoteId: session, verb: 'poll', targets, args: {} });
      return targets.map(({ id }) => ({ id, state: 'done', evidence: { polled: id } }) as const);
    },
    verbs: {
      discoverArrays: () => ({ items: [] }),
      discoverDevices: ({ session, page }) => {
        heard.push({ remoteId: session, verb: 'discoverDevices', targets: [], args: {} });
        const { devices } = at(session);
        const from = Number(page.token ?? 0);
        const next = from + 2 < devices.length ? { next: String(from + 2) } : {};
        return { items: devices.slice(from, from + 2), ...next };
      },
      listVms: () => ({ items: [] }),
      listDatastores: ({ session }) => ({ items: at(session).datastores }),
      deviceStatus: reading('deviceStatus', status as never),
      syncStatus: reading('syncStatus', ((_: string, { id }: GroupTarget) => ({
        id,
        state: 'complete',
      })) as never),
      recoveryPoints: reading('recoveryPoints', (() => []) as never),
      sync: changing('sync'),
      snapshot: changing('snapshot'),
      prepareFailover: changing('prepareFailover'),
      failover: changing('failover'),
      fence: changing('fence'),
      testFailoverStart: changing('testFailoverStart'),
      testFailoverStop: changing('testFailoverStop'),
      reverse: changing('reverse'),
      resync: changing('resync'),
      restoreReplication: changing('restoreReplication'),
      suspendReplication: changing('suspendReplication'),
      resumeReplication: changing('resumeReplication'),
      setSitePreference: changing('setSitePreference'),
      mount: changing('mount'),
      unmount: changing('unmount'),
    },
  });
  return { plugin, heard, at };
};

export type Recorder = ReturnType<typeof recorder>;
