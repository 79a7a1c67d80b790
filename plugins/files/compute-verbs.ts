/** The verbs of a compute: each under its key, each answered per target. */
import type {
  ChangingVerb,
  DatastoreTarget,
  Evidence,
  FileTarget,
  MoveTarget,
  PluginVerbs,
  Settlement,
  TargetVerb,
  VerbCall,
  VmTarget,
} from '@siteswap/sdk/plugin';
import { type Licence, recall } from '@siteswap/sdk/plugin/kit';
import { answerEach, settleEach, valueEach } from './calls.ts';
import {
  type ComputeState,
  changeOnce,
  computeOf,
  type HeldCompute,
  listDatastores,
  listVms,
  placeOf,
  readCompute,
  withAdmitted,
} from './compute.ts';
import { listFilesIn, readFileIn, removeFileIn, writeFileIn } from './datastore-files.ts';
import { chooseInstance, findInstances } from './instances.ts';
import { mount, register, statusOfVm, unmount, unregister } from './machines.ts';
import {
  cancelMigration,
  migrateLive,
  migrationStatus,
  settleCancel,
  settleMigrate,
} from './migrate.ts';
import {
  cutOver,
  mirrorDisks,
  removeDisks,
  settleCutOver,
  settleMirror,
  settleRemoval,
} from './moves.ts';
import { powerOff, powerOn, settleOff, settlePowerOn, shutDown } from './power.ts';
import type { ComputeSession, Session } from './session.ts';

type Call<V extends TargetVerb> = VerbCall<Session, V>;
type Place = Pick<VmTarget, 'id' | 'instance'>;
type RecordVerb = 'mount' | 'unmount' | 'register' | 'unregister' | 'chooseInstance';
type VmVerb = 'powerOn' | 'shutDown' | 'powerOff' | 'migrateLive' | 'cancelMigration';
type MoveVerb = 'mirrorDisks' | 'cutOver' | 'removeDisks';

const whatOf = (verb: string, { instance, id }: Place): string =>
  `${verb}/${placeOf(instance, id)}`;

/** A verb that changes the compute's records and nothing else. */
const recordVerb = <V extends RecordVerb, T extends Place>(
  verb: V,
  change: (
    compute: ComputeSession,
    held: HeldCompute,
    target: T,
  ) => ComputeState | Promise<ComputeState>,
): ChangingVerb<Session, V> => {
  const run = async (call: Call<V>) => {
    const compute = await computeOf(call.session, call.signal);
    return answerEach<Place>(call.targets, async (target) => {
      const work = async (held: HeldCompute) => change(compute, held, target as T);
      await changeOnce(compute.directory, call, whatOf(verb, target), work);
      return { evidence: {} };
    });
  };
  const settle = async (call: Call<V>) => {
    const { directory } = await computeOf(call.session, call.signal);
    return settleEach<Place>(call.targets, (target) =>
      withAdmitted(directory, call, async (state): Promise<Settlement> => {
        const known = recall(state, call.key, whatOf(verb, target));
        return { id: target.id, verdict: known === undefined ? 'absent' : 'done' };
      }),
    );
  };
  return { run, settle, repeatable: true } as ChangingVerb<Session, V>;
};

type VmWork<C, A> = (compute: ComputeSession, call: C, target: VmTarget) => Promise<A>;

/** A verb that starts or ends a process, or lets another one go on. */
const vmVerb = <V extends VmVerb>(
  change: VmWork<Call<V>, Evidence>,
  ask: VmWork<Licence, Settlement>,
): ChangingVerb<Session, V> => {
  const run = async (call: Call<V>) => {
    const compute = await computeOf(call.session, call.signal);
    return answerEach<VmTarget>(call.targets, async (target) => ({
      evidence: await change(compute, call, target),
    }));
  };
  const settle = async (call: Call<V>) => {
    const compute = await computeOf(call.session, call.signal);
    return settleEach<VmTarget>(call.targets, async (target) => {
      await withAdmitted(compute.directory, call, async () => undefined);
      return ask(compute, call, target);
    });
  };
  return { run, settle, repeatable: true } as ChangingVerb<Session, V>;
};

/** A verb on a VM's disk that goes to another datastore. */
const moveVerb = <V extends MoveVerb>(
  change: (compute: ComputeSession, call: Call<V>, target: MoveTarget) => Promise<Evidence>,
  ask: (compute: ComputeSession, call: Call<V>, target: MoveTarget) => Promise<Settlement>,
): ChangingVerb<Session, V> => {
  const run = async (call: Call<V>) => {
    const compute = await computeOf(call.session, call.signal);
    return answerEach<MoveTarget>(call.targets, async (target) => ({
      evidence: await change(compute, call, target),
    }));
  };
  const settle = async (call: Call<V>) => {
    const compute = await computeOf(call.session, call.signal);
    return settleEach<MoveTarget>(call.targets, async (target) => {
      await withAdmitted(compute.directory, call, async () => undefined);
      return ask(compute, call, target);
    });
  };
  return { run, settle, repeatable: true } as ChangingVerb<Session, V>;
};

const stateOf = async ({ session, signal }: Pick<Call<'readFile'>, 'session' | 'signal'>) =>
  readCompute((await computeOf(session, signal)).directory);

/** A write is whole or not there, and doing it again changes nothing: asking is reading. */
const writeFile: ChangingVerb<Session, 'writeFile'> = {
  run: async (call) => {
    const { directory } = await computeOf(call.session, call.signal);
    return answerEach<FileTarget>(call.targets, async (target) => {
      await withAdmitted(directory, call, (state) => writeFileIn(state, call, target));
      return { evidence: {} };
    });
  },
  settle: async (call) => {
    const { directory } = await computeOf(call.session, call.signal);
    return settleEach<FileTarget>(call.targets, async (target) => {
      const read = (state: ComputeState) => readFileIn(state, target);
      const { content } = await withAdmitted(directory, call, read);
      return { id: target.id, verdict: content === target.content ? 'done' : 'absent' };
    });
  },
  repeatable: true,
};

/** Gone is gone, whoever did it. */
const removeFile: ChangingVerb<Session, 'removeFile'> = {
  run: async (call) => {
    const { directory } = await computeOf(call.session, call.signal);
    return answerEach<FileTarget>(call.targets, async (target) => {
      await withAdmitted(directory, call, (state) => removeFileIn(state, call, target));
      return { evidence: {} };
    });
  },
  settle: async (call) => {
    const { directory } = await computeOf(call.session, call.signal);
    return settleEach<FileTarget>(call.targets, async (target) => {
      const list = (state: ComputeState) => listFilesIn(state, target);
      const paths = await withAdmitted(directory, call, list);
      return { id: target.id, verdict: paths.includes(target.path) ? 'absent' : 'done' };
    });
  },
  repeatable: true,
};

export const computeVerbs = {
  listVms,
  listDatastores,
  vmStatus: async (call: Call<'vmStatus'>) => {
    const compute = await computeOf(call.session, call.signal);
    const state = await readCompute(compute.directory);
    return valueEach(call.targets, async (target) => statusOfVm(compute, state, target));
  },
  mount: recordVerb<'mount', DatastoreTarget>('mount', mount),
  unmount: recordVerb<'unmount', DatastoreTarget>('unmount', unmount),
  register: recordVerb<'register', VmTarget>('register', register),
  unregister: recordVerb<'unregister', VmTarget>('unregister', unregister),
  powerOn: vmVerb(powerOn, settlePowerOn),
  shutDown: vmVerb(shutDown, settleOff),
  powerOff: vmVerb(powerOff, settleOff),
  migrateLive: vmVerb<'migrateLive'>(
    (compute, call, target) => migrateLive(compute, call, target, call.args.toComputeId),
    settleMigrate,
  ),
  cancelMigration: vmVerb(cancelMigration, settleCancel),
  migrationStatus: async (call: Call<'migrationStatus'>) => {
    const compute = await computeOf(call.session, call.signal);
    return valueEach(call.targets, (target) => migrationStatus(compute, target));
  },
  readFile: async (call: Call<'readFile'>) => {
    const state = await stateOf(call);
    return valueEach<FileTarget, { content: string }>(call.targets, (target) =>
      readFileIn(state, target),
    );
  },
  writeFile,
  removeFile,
  findInstances: async (call: Call<'findInstances'>) => {
    const compute = await computeOf(call.session, call.signal);
    const state = await readCompute(compute.directory);
    return findInstances(compute, state, call.targets, call.args.digests === true);
  },
  chooseInstance: recordVerb<'chooseInstance', VmTarget>(
    'chooseInstance',
    (compute, { state }, target) => chooseInstance(compute, state, target),
  ),
  mirrorDisks: moveVerb<'mirrorDisks'>(mirrorDisks, settleMirror),
  cutOver: moveVerb<'cutOver'>(cutOver, settleCutOver),
  removeDisks: moveVerb<'removeDisks'>(
    (compute, call, target) => removeDisks(compute, call, target, call.args.end),
    (compute, call, target) => settleRemoval(compute, target, call.args.end),
  ),
  listFiles: async (call: Call<'listFiles'>) => {
    const state = await stateOf(call);
    return valueEach<FileTarget, readonly string[]>(call.targets, (target) =>
      listFilesIn(state, target),
    );
  },
} satisfies PluginVerbs<Session>;
