/**
 * The verbs of an array: each finds its group and leaves the rules to roles, copies and pairing.
 */
import type {
  ChangingVerb,
  Direction,
  Evidence,
  GroupTarget,
  PluginVerbs,
  TargetVerb,
  VerbCall,
} from '@siteswap/sdk/plugin';
import type { Outcome } from '@siteswap/sdk/plugin/kit';
import {
  acceptOnce,
  answerEach,
  applyOnce,
  type Job,
  settleEach,
  settleGroup,
  valueEach,
} from './calls.ts';
import {
  checkRoom,
  dropSnapshotBytes,
  dropTestBytes,
  startTest,
  stopTest,
  takeSnapshot,
  withoutSnapshot,
} from './copies.ts';
import { failure, faultOf } from './faults.ts';
import {
  findGroup,
  type GroupAt,
  type GroupState,
  type HeldGroup,
  readGroup,
  withGroup,
  withPair,
} from './group.ts';
import { checkMaySend, licenseAnew } from './pairing.ts';
import { actualDigest } from './replica.ts';
import { checkSender, replicate } from './replicate.ts';
import {
  type Changed,
  demote,
  fence,
  promoteByForce,
  promoteInPeace,
  restoreDemoted,
  restoreIncoming,
  restoreOutgoing,
  setSuspended,
  wantedDirection,
} from './roles.ts';
import { drainWriters } from './seats.ts';
import { asArray, peerOf, type Session, storageOf } from './session.ts';
import { isShared, restoreShared, takeOver } from './shared.ts';
import {
  checkPlain,
  isolatedBy,
  isolateOther,
  nothingToMove,
  prefer,
  rejoin,
} from './stretched.ts';
import {
  deviceStatusesOf,
  listArrays,
  listDevices,
  pointsOf,
  snapshotsOf,
  syncStatusOf,
} from './views.ts';

type Call<V extends TargetVerb> = VerbCall<Session, V>;

/** The verbs that take consistency groups and change something. */
type GroupVerb =
  | 'snapshot'
  | 'removeSnapshot'
  | 'sync'
  | 'prepareFailover'
  | 'failover'
  | 'fence'
  | 'testFailoverStart'
  | 'testFailoverStop'
  | 'reverse'
  | 'resync'
  | 'restoreReplication'
  | 'suspendReplication'
  | 'resumeReplication'
  | 'setSitePreference';

type Work<V extends GroupVerb> = (call: Call<V>, at: GroupAt, what: string) => Promise<Outcome>;

const groupOf = async (
  { session, signal }: Pick<Call<'sync'>, 'session' | 'signal'>,
  target: GroupTarget,
): Promise<GroupAt> => findGroup(await storageOf(session, signal), target);

/** A changing verb on groups. `effect`: what shows that it is done, when its key is forgotten. */
const changing = <V extends GroupVerb>(
  verb: V,
  work: Work<V>,
  effect?: (held: HeldGroup) => Evidence | undefined,
): ChangingVerb<Session, V> => {
  const run = (call: Call<V>) =>
    answerEach<GroupTarget>(call.targets, async (target) => {
      const at = await groupOf(call, target);
      return work(call, at, `${verb}/${at.id}`);
    });
  const settle = (call: Call<V>) =>
    settleEach<GroupTarget>(call.targets, async (target) => {
      const at = await groupOf(call, target);
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
    withGroup(at, call, (held) => applyOnce(held, call, what, async () => change(held, call))),
  );

/** The last bytes of a demoted source go to its peer, so that it can be promoted in peace. */
const sendLastBytes = async (session: Session, at: GroupAt): Promise<void> => {
  const state = await readGroup(at);
  if (state.role !== 'demoted' || state.suspended) return;
  if ((await actualDigest(at, state)) === state.point?.digest) return;
  await replicate(at, await peerOf(asArray(session), state));
};

type SharedChange = (state: GroupState) => Changed;

/** A change of a group whose ends are one: neither the other array nor a writer is waited for. */
const changeShared = (call: Call<GroupVerb>, at: GroupAt, what: string, change: SharedChange) =>
  withGroup(at, call, (held) => applyOnce(held, call, what, async () => change(held.state)));

const prepareFailover: Work<'prepareFailover'> = async (call, at, what) => {
  const state = await readGroup(at);
  if (isShared(state)) return changeShared(call, at, what, nothingToMove);
  checkPlain(state);
  const evidence = await withGroup(at, call, (held) =>
    applyOnce(held, call, what, () => demote(held)),
  );
  await sendLastBytes(call.session, at);
  return evidence;
};

const sourceOf = async (session: Session, state: GroupState): Promise<GroupAt> => {
  try {
    return await peerOf(asArray(session), state);
  } catch (error) {
    if (faultOf(error)?.kind !== 'unreachable') throw error;
    throw failure(
      'conflict',
      `the source of group ${state.id} does not answer for its last bytes`,
      {
        code: 'FILES_SOURCE_UNPROVEN',
        hint: 'Declare its site lost and fail over by force.',
      },
    );
  }
};

const takeOverShared: Work<'failover'> = async (call, at, what) => {
  const { force = false } = call.args;
  const evidence = await changeShared(call, at, what, (state) => takeOver(state, force));
  const other = isolatedBy(await readGroup(at));
  if (other !== undefined) await drainWriters(at, other);
  return evidence;
};

const failover: Work<'failover'> = async (call, at, what) => {
  const state = await readGroup(at);
  if (isShared(state)) return takeOverShared(call, at, what);
  checkPlain(state);
  if (call.args.force || state.role === 'promoted') {
    return withGroup(at, call, (held) => applyOnce(held, call, what, () => promoteByForce(held)));
  }
  return withPair(at, await sourceOf(call.session, state), call, (held, source) =>
    applyOnce(held, call, what, () => promoteInPeace(held, source)),
  );
};

/** State of the other end; undefined when its array does not answer, or there is none. */
const peerState = async (session: Session, state: GroupState): Promise<GroupState | undefined> => {
  if (state.peerArrayId === undefined) return undefined;
  try {
    return await readGroup(await peerOf(asArray(session), state));
  } catch (error) {
    if (faultOf(error)?.kind === 'unreachable') return undefined;
    throw error;
  }
};

/** The other side of a stretched group is not asked: its writers end where the bytes are. */
const fenceOther: Work<'fence'> = async (call, at, what) => {
  const evidence = await withGroup(at, call, (held) =>
    applyOnce(held, call, what, async () => isolateOther(held.state)),
  );
  const other = isolatedBy(await readGroup(at));
  if (other !== undefined) await drainWriters(at, other);
  return evidence;
};

const fenceWriters: Work<'fence'> = async (call, at, what) => {
  if ((await readGroup(at)).stretched !== undefined) return fenceOther(call, at, what);
  const peer = await peerState(call.session, await readGroup(at));
  const evidence = await withGroup(at, call, (held) =>
    applyOnce(held, call, what, async () => fence(held.state, peer)),
  );
  if ((await readGroup(at)).fenced) await drainWriters(at);
  return evidence;
};

const backAlone = async (held: HeldGroup): Promise<Changed> => {
  const { state } = held;
  if (state.role === 'promoted') return restoreDemoted(held);
  return { next: state, evidence: { lineage: state.lineage } };
};

const restoreReplication: Work<'restoreReplication'> = async (call, at, what) => {
  const state = await readGroup(at);
  const to: Readonly<Record<string, Direction>> | undefined = call.args.to;
  if (isShared(state)) return changeShared(call, at, what, (now) => restoreShared(now, to));
  checkPlain(state);
  if (wantedDirection(state, to) === 'incoming') {
    const peer = await peerState(call.session, state);
    return withGroup(at, call, (held) =>
      applyOnce(held, call, what, () => restoreIncoming(held, peer)),
    );
  }
  // What the other side may not be asked about, it need not be.
  if (state.promotedFrom?.demoted === true || (state.role === 'source' && !state.fenced)) {
    return withGroup(at, call, (held) => applyOnce(held, call, what, () => backAlone(held)));
  }
  return withPair(at, await peerOf(asArray(call.session), state), call, (held, peer) =>
    applyOnce(held, call, what, () => restoreOutgoing(held, peer.state)),
  );
};

/** Which of the two ends sends, and whether that may be. */
const jobOf = async (call: Call<Job['verb']>, verb: Job['verb'], held: HeldGroup): Promise<Job> => {
  const { at, state } = held;
  if (verb === 'sync') checkSender(state);
  if (verb === 'reverse' && state.role !== 'promoted') {
    throw failure('conflict', `group ${at.id} is ${state.role} here: only a promoted one reverses`);
  }
  const peer = await peerOf(asArray(call.session), state);
  const there = await readGroup(peer);
  if (verb === 'resync') {
    checkRoom(peer, there);
    await licenseAnew(held, there);
  }
  if (verb !== 'sync') checkMaySend(held.state, there);
  if (verb !== 'resync') return { verb, sender: at, receiver: peer };
  const { changes } = call.args as { readonly changes: 'keep' | 'discard' };
  return { verb, sender: at, receiver: peer, changes };
};

const longVerb = <V extends Job['verb']>(verb: V): ChangingVerb<Session, V> =>
  changing(verb, async (call, at) =>
    (await readGroup(at)).stretched === undefined
      ? acceptOnce(at, call, (held) => jobOf(call, verb, held), verb)
      : rejoinEnds(call, at, verb),
  );

/** Of two ends of the same bytes the one that reverses is the source, where that is to be said. */
const turned = (state: GroupState, verb: Job['verb']): Changed =>
  verb === 'reverse' && isShared(state) ? takeOver(state, false) : nothingToMove(state);

/** Nothing has to travel between two ends of the same bytes; a resync takes an end back. */
const rejoinEnds = async (
  call: Call<Job['verb']>,
  at: GroupAt,
  verb: Job['verb'],
): Promise<Outcome> => {
  const state = await readGroup(at);
  const other = isolatedBy(state);
  if (verb === 'resync' && other !== undefined) {
    await drainWriters(await peerOf(asArray(call.session), state), other);
  }
  return withGroup(at, call, (held) =>
    applyOnce(held, call, `${verb}/${at.id}`, async () =>
      verb === 'resync' ? rejoin(held.state) : turned(held.state, verb),
    ),
  );
};

const stopTestFailover: Work<'testFailoverStop'> = async (call, at, what) => {
  const evidence = await withGroup(at, call, (held) =>
    applyOnce(held, call, what, () => stopTest(held)),
  );
  if ((await readGroup(at)).test === undefined) await dropTestBytes(at);
  return evidence;
};

const removeSnapshot: Work<'removeSnapshot'> = async (call, at, what) =>
  withGroup(at, call, async (held) => {
    const { name } = call.args;
    const evidence = await applyOnce(held, call, what, async () => ({
      next: withoutSnapshot(held.state, name),
      evidence: {},
    }));
    // A retry of the call leaves alone what was taken under that name since.
    const isThere = held.state.snapshots.some((one) => one.name === name);
    if (!isThere) await dropSnapshotBytes(at, name);
    return evidence;
  });

const look =
  <V>(of: (at: GroupAt, session: Session) => Promise<V>) =>
  (call: Call<TargetVerb>) =>
    valueEach(call.targets as readonly GroupTarget[], async (target) =>
      of(await groupOf(call, target), call.session),
    );

export const arrayVerbs = {
  discoverArrays: listArrays,
  discoverDevices: listDevices,
  deviceStatus: look(deviceStatusesOf),
  recoveryPoints: look(pointsOf),
  syncStatus: (call: Call<'syncStatus'>) =>
    valueEach(call.targets, async (target) => syncStatusOf(await groupOf(call, target), target.id)),
  sync: longVerb('sync'),
  reverse: longVerb('reverse'),
  resync: longVerb('resync'),
  snapshot: stateVerb('snapshot', (held, { args }) => takeSnapshot(held, args.name)),
  listSnapshots: look(snapshotsOf),
  removeSnapshot: changing('removeSnapshot', removeSnapshot),
  prepareFailover: changing('prepareFailover', prepareFailover, ({ state }) =>
    state.role === 'demoted' ? { lineage: state.lineage } : undefined,
  ),
  failover: changing('failover', failover),
  fence: changing('fence', fenceWriters),
  setSitePreference: stateVerb('setSitePreference', ({ state }, { args }) =>
    prefer(state, args.siteId),
  ),
  testFailoverStart: stateVerb('testFailoverStart', startTest),
  testFailoverStop: changing('testFailoverStop', stopTestFailover),
  restoreReplication: changing('restoreReplication', restoreReplication),
  suspendReplication: stateVerb('suspendReplication', ({ state }) => setSuspended(state, true)),
  resumeReplication: stateVerb('resumeReplication', ({ state }) => setSuspended(state, false)),
} satisfies PluginVerbs<Session>;
