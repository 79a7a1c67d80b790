/** The verbs of an array: each finds its group and leaves the rules to the files beside. */
import type {
  ChangingVerb,
  Direction,
  Evidence,
  GroupTarget,
  PluginVerbs,
  TargetVerb,
  VerbCall,
} from '@siteswap/sdk/plugin';
import { type Outcome, recall } from '@siteswap/sdk/plugin/kit';
import {
  acceptOnce,
  answerEach,
  applyOnce,
  type Job,
  settleEach,
  settleGroup,
  valueEach,
} from './calls.ts';
import { dropTestBytes, startTest, stopTest } from './copies.ts';
import { dropSeatless, removeExports } from './exports.ts';
import { failure } from './faults.ts';
import {
  findGroup,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  isLeftBehind,
  readGroup,
  withGroup,
  withPair,
} from './group.ts';
import { dropUnnamed, keptOf, withoutKept } from './kept.ts';
import { live } from './layers.ts';
import { flowMsMax, lastBytesMsMax } from './limits.ts';
import { waitFor } from './locks.ts';
import { isolateMetro, mayBeLeftBehind, preferMetro } from './metro.ts';
import { operationIdOf } from './operations.ts';
import { replicate, stopReplicating } from './replicate.ts';
import {
  type Changed,
  checkMaySend,
  demote,
  fence,
  licenseAnew,
  promoteByForce,
  promoteInPeace,
  restoreIncoming,
  restoreOutgoing,
  resumeFlow,
  wantedDirection,
} from './roles.ts';
import { peerOf, peerState, type Session, storageOf } from './session.ts';
import { isolate, isShared, prefer, rejoin, restoreShared, takeOver } from './shared.ts';
import { isMirrored, takeSnapshot, whereToFreeze } from './snapshots.ts';
import { deviceStatusesOf, listArrays, listDevices, pointsOf, syncStatusOf } from './views.ts';

type Call<V extends TargetVerb> = VerbCall<Session, V>;

/** The verbs that take consistency groups and change something. */
type GroupVerb =
  | Job['verb']
  | 'snapshot'
  | 'removeSnapshot'
  | 'prepareFailover'
  | 'failover'
  | 'fence'
  | 'testFailoverStart'
  | 'testFailoverStop'
  | 'restoreReplication'
  | 'suspendReplication'
  | 'resumeReplication'
  | 'setSitePreference';

type Work<V extends GroupVerb> = (call: Call<V>, at: GroupAt, what: string) => Promise<Outcome>;

const groupOf = async (session: Session, target: GroupTarget): Promise<GroupAt> =>
  findGroup(await storageOf(session), target);

/** A changing verb on groups. `effect`: what shows that it is done, when its key is forgotten. */
const changing = <V extends GroupVerb>(
  verb: V,
  work: Work<V>,
  effect?: (held: HeldGroup) => Evidence | undefined,
): ChangingVerb<Session, V> => {
  const run = (call: Call<V>) =>
    answerEach<GroupTarget>(call.targets, async (target) => {
      const at = await groupOf(call.session, target);
      return work(call, at, `${verb}/${at.id}`);
    });
  const settle = (call: Call<V>) =>
    settleEach<GroupTarget>(call.targets, async (target) => {
      const at = await groupOf(call.session, target);
      return settleGroup(at, call, target.id, `${verb}/${at.id}`, effect);
    });
  return { run, settle, repeatable: true } as ChangingVerb<Session, V>;
};

/** A verb that is one change of a group's state at this array. */
const stateVerb = <V extends GroupVerb>(
  verb: V,
  change: (held: HeldGroup, call: Call<V>) => Promise<Changed> | Changed,
): ChangingVerb<Session, V> =>
  changing(verb, (call, at, what) =>
    withGroup(at, call, (held) => applyOnce(held, call, what, () => change(held, call))),
  );

const peerAt = async (session: Session, at: GroupAt): Promise<GroupAt> =>
  peerOf(session, await readGroup(at));

/** The last bytes of a demoted source go to its peer, so that it can be promoted in peace. */
const sendLastBytes = async (call: Call<'prepareFailover'>, at: GroupAt): Promise<void> => {
  const state = await readGroup(at);
  if (state.role !== 'demoted' || state.suspended || state.peerArrayId === undefined) return;
  const pointId = operationIdOf(call.key, `last-bytes/${at.id}`);
  const peer = await peerOf(call.session, state);
  const sent = await waitFor(
    () =>
      withPair(at, peer, call, async (held, other) => {
        if (other.state.role !== 'replica') return {};
        return (await replicate(held, other, pointId)).done;
      }),
    lastBytesMsMax,
    call.signal,
  );
  if (sent !== undefined) return;
  throw failure('timeout', `the last bytes of group ${at.id} did not arrive in time`);
};

const prepareFailover: Work<'prepareFailover'> = async (call, at, what) => {
  const outcome = await withGroup(at, call, (held) =>
    applyOnce(held, call, what, () => demote(held)),
  );
  await sendLastBytes(call, at);
  return outcome;
};

/** A change of a group that two sites share; who has no seat any more is cut off. */
const onShared = (
  call: Call<GroupVerb>,
  at: GroupAt,
  what: string,
  change: (state: GroupState) => Changed,
): Promise<Outcome> =>
  withGroup(at, call, async (held) => {
    const outcome = await applyOnce(held, call, what, () => change(held.state));
    const { qmp } = await live(held);
    await dropSeatless(held, qmp);
    return outcome;
  });

const failover: Work<'failover'> = async (call, at, what) => {
  const { siteId } = call.session;
  const { force } = call.args;
  const state = await readGroup(at);
  if (isShared(state)) return onShared(call, at, what, (found) => takeOver(found, siteId, force));
  if (force) {
    const promote = state.metro === undefined ? promoteByForce : isolateMetro;
    return withGroup(at, call, (held) => applyOnce(held, call, what, () => promote(held)));
  }
  if (state.peerArrayId === undefined) {
    throw failure('conflict', `group ${at.id} has no peer that it could take over from`);
  }
  return withPair(at, await peerOf(call.session, state), call, (held, source) =>
    applyOnce(held, call, what, () => promoteInPeace(held, source)),
  );
};

/** Its writers are cut off in the daemon too, if there is one: durable state comes first. */
const fenceWriters: Work<'fence'> = async (call, at, what) => {
  const state = await readGroup(at);
  const { siteId } = call.session;
  if (isShared(state)) return onShared(call, at, what, (found) => isolate(found, siteId));
  const asks = state.metro === undefined || mayBeLeftBehind(state);
  const peer = asks ? await peerState(call.session, state) : undefined;
  return withGroup(at, call, async (held) => {
    const { metro, fenced } = held.state;
    const isolates = metro !== undefined && !fenced && !isLeftBehind(held.state, peer);
    const outcome = await applyOnce(held, call, what, () =>
      isolates ? isolateMetro(held) : fence(held.state, peer),
    );
    if (isolates) await live(held);
    if (!held.state.fenced) return outcome;
    const { qmp } = await live(held);
    await removeExports(held, qmp, 'host', { force: true });
    await stopReplicating(held);
    return outcome;
  });
};

/** Each look takes the locks anew: hosts are mounted meanwhile. */
const letFlow = (call: Call<GroupVerb>, at: GroupAt, peer: GroupAt): Promise<void> =>
  resumeFlow(at, peer, call, Math.min(flowMsMax, (call.deadlineMs - Date.now()) / 2));

const restoreReplication: Work<'restoreReplication'> = async (call, at, what) => {
  const state = await readGroup(at);
  const to: Readonly<Record<string, Direction>> | undefined = call.args.to;
  const { siteId } = call.session;
  if (isShared(state)) return onShared(call, at, what, (found) => restoreShared(found, siteId, to));
  if (wantedDirection(state, to) === 'incoming') {
    return withGroup(at, call, async (held) => {
      const outcome = await applyOnce(held, call, what, () => restoreIncoming(held));
      await live(held);
      return outcome;
    });
  }
  const peer = await peerOf(call.session, state);
  const outcome = await withPair(at, peer, call, (held, other) =>
    applyOnce(held, call, what, () => restoreOutgoing(held, other.state)),
  );
  await letFlow(call, at, peer);
  return outcome;
};

/** Refuses what this end may not send. */
const checkJob = async (verb: Job['verb'], held: HeldGroup, peer: GroupState): Promise<void> => {
  const { state } = held;
  const { id, role } = state;
  if (verb === 'sync' && role !== 'source' && role !== 'demoted') {
    throw failure('conflict', `group ${id} is ${role} here, not the source`);
  }
  if (verb === 'sync' && state.suspended) {
    throw failure('conflict', `the replication of group ${id} is suspended`);
  }
  if (verb === 'sync' && state.fenced) {
    throw failure('fenced', `group ${id}: a newer lineage writes elsewhere`);
  }
  if (verb === 'reverse' && role !== 'promoted') {
    throw failure('conflict', `group ${id} is ${role} here: only a promoted one reverses`);
  }
  if (verb === 'resync') await licenseAnew(held, peer);
  if (verb !== 'sync') checkMaySend(held.state, peer);
};

const longVerb = <V extends Job['verb']>(verb: V): ChangingVerb<Session, V> =>
  changing(verb, async (call, at, what) => {
    const { siteId } = call.session;
    if (verb !== 'sync' && isShared(await readGroup(at))) {
      const turn = verb === 'resync' ? rejoin : prefer;
      return onShared(call, at, what, (found) => turn(found, siteId));
    }
    const { changes } = call.args as { readonly changes?: 'keep' | 'discard' };
    const job: Job = changes === undefined ? { verb } : { verb, changes };
    return withPair(at, await peerAt(call.session, at), call, (held, peer) =>
      acceptOnce(held, call, job, () => checkJob(verb, held, peer.state)),
    );
  });

const stopTestFailover: Work<'testFailoverStop'> = (call, at, what) =>
  withGroup(at, call, async (held) => {
    const outcome = await applyOnce(held, call, what, () => stopTest(held));
    await dropTestBytes(held);
    return outcome;
  });

const checkSource = ({ id, role }: GroupState): void => {
  if (role === 'source' || role === 'demoted') return;
  throw failure('conflict', `group ${id} is ${role} here, not the source`);
};

/** Of a pair that serves two sites it stands at both ends, and the role follows. */
const setPreference: Work<'setSitePreference'> = async (call, at, what) => {
  const { siteId } = call.args;
  const state = await readGroup(at);
  if (state.metro === undefined) {
    return withGroup(at, call, (held) =>
      applyOnce(held, call, what, () => prefer(held.state, siteId)),
    );
  }
  return withPair(at, await peerOf(call.session, state), call, (held, peer) =>
    applyOnce(held, call, what, () => preferMetro(held, peer, siteId)),
  );
};

const suspend = async (held: HeldGroup): Promise<Changed> => {
  checkSource(held.state);
  if (!held.state.suspended) await stopReplicating(held);
  return { next: { ...held.state, suspended: true }, evidence: {} };
};

const resume: Work<'resumeReplication'> = async (call, at, what) => {
  const peer = await peerAt(call.session, at);
  const outcome = await withPair(at, peer, call, (held) =>
    applyOnce(held, call, what, () => {
      checkSource(held.state);
      return { next: { ...held.state, suspended: false }, evidence: {} };
    }),
  );
  await letFlow(call, at, peer);
  return outcome;
};

/** Alone, but for a group that is mirrored: its moment is frozen at its peer. */
const snapshot: Work<'snapshot'> = async (call, at, what) => {
  const { name } = call.args;
  const outcome = await withGroup(at, call, async (held) => {
    const known = recall(held.state, call.key, what);
    if (known === undefined && (await isMirrored(held))) return undefined;
    return applyOnce(held, call, what, () => takeSnapshot(held, held, name));
  });
  if (outcome !== undefined) return outcome;
  return withPair(at, await peerAt(call.session, at), call, (held, peer) =>
    applyOnce(held, call, what, async () =>
      takeSnapshot(held, await whereToFreeze(held, peer), name),
    ),
  );
};

/** Forgotten first: its bytes go once that is durable. */
const removeSnapshot: Work<'removeSnapshot'> = (call, at, what) =>
  withGroup(at, call, async (held) => {
    const outcome = await applyOnce(held, call, what, () => ({
      next: withoutKept(held.state, call.args.name),
      evidence: {},
    }));
    await dropUnnamed(held);
    return outcome;
  });

const look =
  <V>(of: (at: GroupAt, call: Call<TargetVerb>) => Promise<V>) =>
  (call: Call<TargetVerb>) =>
    valueEach(call.targets as readonly GroupTarget[], async (target) =>
      of(await groupOf(call.session, target), call),
    );

export const arrayVerbs = {
  discoverArrays: listArrays,
  discoverDevices: listDevices,
  deviceStatus: look(deviceStatusesOf),
  recoveryPoints: look(pointsOf),
  syncStatus: (call: Call<'syncStatus'>) =>
    valueEach(call.targets, async (target) =>
      syncStatusOf(await groupOf(call.session, target), target.id),
    ),
  sync: longVerb('sync'),
  reverse: longVerb('reverse'),
  resync: longVerb('resync'),
  listSnapshots: look(keptOf),
  snapshot: changing('snapshot', snapshot),
  removeSnapshot: changing('removeSnapshot', removeSnapshot),
  prepareFailover: changing('prepareFailover', prepareFailover, ({ state }) =>
    state.role === 'demoted' ? { lineage: state.lineage } : undefined,
  ),
  failover: changing('failover', failover),
  fence: changing('fence', fenceWriters),
  setSitePreference: changing('setSitePreference', setPreference),
  testFailoverStart: stateVerb('testFailoverStart', startTest),
  testFailoverStop: changing('testFailoverStop', stopTestFailover),
  restoreReplication: changing('restoreReplication', restoreReplication),
  suspendReplication: stateVerb('suspendReplication', suspend),
  resumeReplication: changing('resumeReplication', resume),
} satisfies PluginVerbs<Session>;
