/** The toy's storage verbs. */
import type { Direction, GroupTarget, PluginVerbs } from '@siteswap/sdk/plugin';
import { arrive, fail, type Has, missing, type ToySession, verb } from './calls.ts';
import { groups, isStretched, type Side, type ToyDevice } from './store.ts';

const otherOf = (side: Side): Side => (side === 'source' ? 'target' : 'source');

/** The group's devices here; a group is known whole or not at all. */
const found = (has: Has, session: ToySession, target: GroupTarget): ToyDevice[] => {
  if (groups[target.id] === undefined) missing(has);
  const devices = session.store.devicesOf(session.side, target.devices);
  if (devices.length < target.devices.length && !has('half-a-group')) missing(has);
  return devices;
};

const peersOf = (session: ToySession, devices: readonly ToyDevice[]): ToyDevice[] =>
  session.store.devicesOf(
    otherOf(session.side),
    devices.map(({ id }) => id),
  );

/** Copies what is written, and leaves a recovery point at the other side. */
const copy = (has: Has, session: ToySession, id: string, devices: readonly ToyDevice[]) => {
  const peers = peersOf(session, devices);
  devices.forEach((device, position) => {
    const peer = peers[position];
    if (peer && !has('loses-heartbeats')) peer.heartbeat = device.heartbeat;
  });
  const number = session.store.next();
  const point = { id: `point-${number}`, atMs: 1_700_000_000_000 + number, by: session.side };
  if (!has('keeps-no-points')) {
    session.there.points.set(id, [...(session.there.points.get(id) ?? []), point]);
  }
  return point;
};

const demote = (has: Has, session: ToySession, target: GroupTarget) => {
  const devices = found(has, session, target);
  const passive = devices.some(({ direction }) => direction === 'incoming');
  if (passive && !has('demotes-anyway')) fail('conflict', `${target.id} is no source here`);
  if (!has('says-ok-does-nothing')) for (const device of devices) device.access = 'read-only';
  if (devices.length < target.devices.length) missing(has);
  return undefined;
};

const promote = (has: Has, session: ToySession, target: GroupTarget, force: boolean) => {
  const devices = found(has, session, target);
  const peers = peersOf(session, devices);
  const ready = peers.every(({ access }) => access === 'read-only');
  const incoming = devices.every(({ direction }) => direction === 'incoming');
  if ((!incoming || (!force && !ready)) && !has('promotes-anyway')) {
    if (!has('second-effect')) fail('conflict', `${target.id} cannot be promoted here now`);
  }
  const lineage = force ? `lineage-${session.store.next()}` : devices[0]?.lineage;
  for (const device of devices) {
    Object.assign(device, { direction: 'none', access: 'read-write', lineage });
  }
  if (devices.length < target.devices.length) missing(has);
  const point = session.here.points.get(target.id)?.at(-1);
  return {
    lineage: String(lineage),
    ...(point ? { recoveryPoint: point.id, recoveryPointAtMs: point.atMs } : {}),
  };
};

const restore = (
  has: Has,
  session: ToySession,
  target: GroupTarget,
  to: Readonly<Record<string, Direction>>,
) => {
  for (const device of found(has, session, target)) {
    device.direction = to[device.id] ?? device.direction;
    device.access = device.direction === 'incoming' ? 'read-only' : 'read-write';
    const [peer] = peersOf(session, [device]);
    if (device.direction === 'outgoing' && peer) peer.lineage = device.lineage;
  }
  return undefined;
};

const setState = (
  has: Has,
  session: ToySession,
  target: GroupTarget,
  state: 'suspended' | 'synchronized',
) => {
  for (const device of found(has, session, target)) device.pairState = state;
  return undefined;
};

/** A verb on groups. */
const onGroup = <A>(
  has: Has,
  work: (
    session: ToySession,
    target: GroupTarget,
    args: A,
  ) => Readonly<Record<string, string | number>> | undefined,
) =>
  verb<GroupTarget>(has, (call) => (target) => {
    const { args } = call as unknown as { readonly args: A };
    return work(call.session, target, args);
  });

/** As hosts see a device: a stretched one is one device at both sides. */
const identityOf = (has: Has, { side, store }: ToySession, { id, groupId }: ToyDevice): string => {
  if (has('one-host-identity')) return 'wwn';
  if (has('new-host-identities')) return `wwn-${store.next()}`;
  const isOne = isStretched(groupId) && !has('one-sided-identity');
  return isOne ? `wwn-${id}` : `wwn-${side}-${id}`;
};

const peerOf = (has: Has, { side }: ToySession, { id }: ToyDevice) => ({
  arrayId: has('wrong-peer') ? side : otherOf(side),
  deviceId: id,
});

const reading = (has: Has): PluginVerbs<ToySession> => ({
  deviceStatus: async ({ session, targets, signal }) => {
    await arrive(session, signal, has);
    return targets.map((target) =>
      groups[target.id] === undefined
        ? {
            id: target.id,
            fault: {
              kind: has('wrong-kind') ? 'refused' : 'missing',
              owner: 'array',
              message: 'not known here',
            },
          }
        : {
            id: target.id,
            value: found(has, session, target).map(
              ({ id, direction, access, pairState, lineage, preferredSiteId }) => ({
                id,
                direction:
                  has('hides-a-promotion') && direction === 'none' ? 'outgoing' : direction,
                access,
                pairState,
                lineage,
                ...(preferredSiteId === undefined ? {} : { stretched: true, preferredSiteId }),
              }),
            ),
          },
    );
  },
  recoveryPoints: ({ session, targets }) =>
    targets.map(({ id }) =>
      groups[id] === undefined
        ? { id, fault: { kind: 'missing', owner: 'array', message: 'not known here' } }
        : { id, value: session.here.points.get(id) ?? [] },
    ),
  discoverDevices: async ({ session, page, signal }) => {
    await arrive(session, signal, has);
    const vouched = has('vouches-for-ever') && page.token === undefined;
    if (vouched && page.since === 'the only one') return { items: [], unchanged: true as const };
    const all = [...session.here.devices.values()];
    const from = Number(page.token ?? 0);
    const end = from + page.sizeMax + (has('loses-on-pages') && page.sizeMax === 2 ? 1 : 0);
    const items = all.slice(from, from + page.sizeMax).map((device) => ({
      id: device.id,
      name: `toy ${device.id}`,
      sizeBytes: 1_048_576,
      direction: device.direction,
      access: device.access,
      pairState: device.pairState,
      groupId: device.groupId,
      updateMode: has('undeclared-mode') ? ('synchronous' as const) : ('asynchronous' as const),
      ...(isStretched(device.groupId) ? { stretched: true, updateMode: 'active' as const } : {}),
      hostIdentity: identityOf(has, session, device),
      ...(isStretched(device.groupId) && has('serves-the-preferred-alone')
        ? {}
        : { peer: peerOf(has, session, device) }),
    }));
    const next = has('endless-pages') ? String(end % all.length || 0) : String(end);
    return {
      items,
      ...(vouched && { revision: 'the only one' }),
      ...((end < all.length || has('endless-pages')) && { next }),
    };
  },
});

const changes = (has: Has): PluginVerbs<ToySession> => ({
  sync: verb<GroupTarget>(has, ({ session }) => (target) => {
    const point = copy(has, session, target.id, found(has, session, target));
    return { recoveryPoint: has('keeps-no-points') ? 'point-0' : point.id };
  }),
  prepareFailover: onGroup(has, (session, target) => demote(has, session, target)),
  failover: onGroup<{ force: boolean }>(has, (session, target, { force }) =>
    promote(has, session, target, force),
  ),
  restoreReplication: onGroup<{ to?: Readonly<Record<string, Direction>> }>(
    has,
    (session, target, { to = {} }) => restore(has, session, target, to),
  ),
  suspendReplication: onGroup(has, (session, target) =>
    setState(has, session, target, 'suspended'),
  ),
  resumeReplication: onGroup(has, (session, target) =>
    setState(has, session, target, 'synchronized'),
  ),
  testFailoverStart: onGroup(has, (session, target) => {
    for (const { id } of found(has, session, target)) session.here.testCopies.add(id);
    if (has('test-stops-production')) for (const vm of session.there.vms.values()) vm.on = false;
    return undefined;
  }),
  testFailoverStop: onGroup(has, (session, target) => {
    for (const { id } of found(has, session, target)) session.here.testCopies.delete(id);
    return undefined;
  }),
  /** A long operation: three polls until it is done. */
  reverse: verb<GroupTarget>(has, ({ session }) => (target) => {
    const devices = found(has, session, target);
    if (devices.some(({ direction }) => direction === 'incoming')) {
      fail('conflict', `${target.id} is not promoted here`);
    }
    for (const device of devices) device.direction = 'outgoing';
    for (const device of peersOf(session, devices)) {
      Object.assign(device, { direction: 'incoming', access: 'read-only' });
    }
    const operation = `operation-${session.store.next()}`;
    session.here.operations.set(operation, 2);
    session.operations.set(operation, 2);
    return { operation };
  }),
});

export const storageVerbsOf = (has: Has): PluginVerbs<ToySession> => ({
  ...reading(has),
  ...changes(has),
});
