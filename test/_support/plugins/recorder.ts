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
  FaultError,
  type GroupTarget,
  isReading,
  storageVerbs,
  type TargetVerb,
  targetVerbs,
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

const storage: ReadonlySet<string> = new Set(storageVerbs);
const changingVerbs = targetVerbs.filter(
  (verb) => !isReading(verb) && (storage.has(verb) || verb === 'mount' || verb === 'unmount'),
);

const statusOf = ({ devices }: Storage, { devices: asked }: GroupTarget): unknown =>
  devices
    .filter(({ id }) => asked.includes(id))
    .map(({ id, direction, access, pairState }) => ({ id, direction, access, pairState }));

/** Storage systems that note what they hear. */
class Recording {
  readonly heard: Heard[] = [];
  readonly #remotes = new Map<string, Storage>();

  at(remoteId: string): Storage {
    const known = this.#remotes.get(remoteId) ?? {
      devices: [],
      datastores: [],
      says: () => undefined,
    };
    this.#remotes.set(remoteId, known);
    return known;
  }

  note(verb: string, { session, targets, args }: Call): void {
    this.heard.push({ remoteId: session, verb, targets, args });
  }

  changing(verb: TargetVerb) {
    return {
      run: (call: Call): readonly Answer[] => {
        this.note(verb, call);
        const { says } = this.at(call.session);
        return call.targets.map((target) => says(verb, target) ?? { id: target.id, ok: true });
      },
      settle: (call: Call) => {
        this.note(`settle:${verb}`, call);
        const done = (id: string) => ({ id, verdict: 'done', evidence: { seen: id } }) as const;
        return call.targets.map(({ id }) => done(id));
      },
    };
  }

  /** The value is of the verb's shape, which the host checks. */
  reading(verb: TargetVerb, value: (storage: Storage, target: GroupTarget) => unknown) {
    return (call: Call) => {
      this.note(verb, call);
      const storage = this.at(call.session);
      return call.targets.map((target) => {
        const said = storage.says(verb, target) as { id: string; fault: Fault } | undefined;
        const found = value(storage, target as GroupTarget) as never;
        return said ?? { id: target.id, value: found };
      });
    };
  }

  /** Two devices a page. */
  devices(session: string, token = '0') {
    this.heard.push({ remoteId: session, verb: 'discoverDevices', targets: [], args: {} });
    const { devices, says } = this.at(session);
    const said = says('discoverDevices', { id: session });
    if (said !== undefined && 'fault' in said) throw new FaultError(said.fault);
    const to = Number(token) + 2;
    return {
      items: devices.slice(to - 2, to),
      ...(to < devices.length && { next: String(to) }),
    };
  }
}

/** A plugin of recording storage, with what it heard and what it has. */
export const recorder = () => {
  const recording = new Recording();
  const changing = Object.fromEntries(
    changingVerbs.map((verb) => [verb, recording.changing(verb)]),
  );
  const plugin = definePlugin({
    name: 'recorder',
    version: '1',
    contract: 1,
    config: z.object({}),
    open: ({ remoteId }) => remoteId,
    close: () => {},
    operationStatus: ({ session, targets }) => {
      recording.note('poll', { session, targets, args: {} });
      return targets.map(({ id }) => ({ id, state: 'done', evidence: { polled: id } }) as const);
    },
    verbs: {
      ...(changing as object),
      discoverArrays: () => ({ items: [] }),
      discoverDevices: ({ session, page }) => recording.devices(session, page.token),
      listVms: () => ({ items: [] }),
      listDatastores: ({ session }) => ({ items: recording.at(session).datastores }),
      deviceStatus: recording.reading('deviceStatus', statusOf),
      syncStatus: recording.reading('syncStatus', (_, { id }) => ({ id, state: 'complete' })),
      recoveryPoints: recording.reading('recoveryPoints', () => []),
      listSnapshots: recording.reading('listSnapshots', () => []),
    },
  });
  return { plugin, heard: recording.heard, at: (remoteId: string) => recording.at(remoteId) };
};

export type Recorder = ReturnType<typeof recorder>;
