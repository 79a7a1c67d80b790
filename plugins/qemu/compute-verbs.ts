/** The verbs of a compute: each finds what it is about and leaves the work to the files beside. */
import type {
  ChangingVerb,
  Evidence,
  FileTarget,
  FoundInstance,
  MoveTarget,
  PluginVerbs,
  Settlement,
  TargetVerb,
  VerbCall,
  VmTarget,
} from '@siteswap/sdk/plugin';
import { admit, type Licence, recall, remember } from '@siteswap/sdk/plugin/kit';
import { answerEach, settleEach, valueEach } from './calls.ts';
import { listVms, readCompute, withAdmitted, withCompute } from './compute.ts';
import { listFilesIn, readFileIn, removeFileIn, writeFileIn } from './datastore-files.ts';
import { chooseInstance, findInstances } from './instances.ts';
import { type Change, register, statusOfVm, unregister } from './machines.ts';
import {
  cancelMigration,
  migrateLive,
  migrationStatus,
  settleCancel,
  settleMigrate,
} from './migrate.ts';
import { listDatastores, mountVerbs } from './mounts.ts';
import {
  cutOver,
  mirrorDisks,
  removeDisks,
  settleCutOver,
  settleMirror,
  settleRemoval,
} from './moves.ts';
import { placeOf } from './places.ts';
import { powerOff, powerOn, settleOff, settlePowerOn, shutDown } from './power.ts';
import { asCompute, type ComputeSession, type Session } from './session.ts';

type Call<V extends TargetVerb> = VerbCall<Session, V>;
type RecordVerb = 'register' | 'unregister' | 'chooseInstance';
type VmVerb = 'powerOn' | 'shutDown' | 'powerOff' | 'migrateLive' | 'cancelMigration';

/** A verb that changes the compute's records and nothing else. */
const recordVerb = <V extends RecordVerb>(
  verb: V,
  change: Change<VmTarget>,
): ChangingVerb<Session, V> => {
  const whatOf = (target: VmTarget): string => `${verb}/${placeOf(target)}`;
  const run = (call: Call<V>) =>
    answerEach<VmTarget>(call.targets, (target) => {
      const compute = asCompute(call.session);
      return withCompute(compute, call, async (held) => {
        if (recall(held.state, call.key, whatOf(target)) !== undefined) return { evidence: {} };
        admit(held.state, call);
        const next = await change(compute, held, target, call);
        const success = { key: call.key, what: whatOf(target), evidence: {} };
        await held.commit(remember(admit(next, call), success));
        return { evidence: {} };
      });
    });
  const settle = (call: Call<V>) =>
    settleEach<VmTarget>(call.targets, (target) =>
      withAdmitted(asCompute(call.session), call, async (state): Promise<Settlement> => {
        const known = recall(state, call.key, whatOf(target));
        return { id: target.id, verdict: known === undefined ? 'absent' : 'done' };
      }),
    );
  return { run, settle, repeatable: true } as ChangingVerb<Session, V>;
};

type VmWork<C, A> = (compute: ComputeSession, call: C, target: VmTarget) => Promise<A>;

/** A verb that starts or ends a process, or takes one over. */
const vmVerb = <V extends VmVerb>(
  change: VmWork<Call<V>, Evidence>,
  ask: VmWork<Licence, Settlement>,
): ChangingVerb<Session, V> => {
  const run = (call: Call<V>) =>
    answerEach<VmTarget>(call.targets, async (target) => ({
      evidence: await change(asCompute(call.session), call, target),
    }));
  const settle = (call: Call<V>) =>
    settleEach<VmTarget>(call.targets, async (target) => {
      const compute = asCompute(call.session);
      await withAdmitted(compute, call, async () => undefined);
      return ask(compute, call, target);
    });
  return { run, settle, repeatable: true } as ChangingVerb<Session, V>;
};

/** A write is whole or not there, and doing it again changes nothing: asking is reading. */
const writeFile: ChangingVerb<Session, 'writeFile'> = {
  run: (call) =>
    answerEach<FileTarget>(call.targets, async (target) => {
      const compute = asCompute(call.session);
      await withAdmitted(compute, call, () => writeFileIn(compute, call, target));
      return { evidence: {} };
    }),
  settle: (call) =>
    settleEach<FileTarget>(call.targets, async (target) => {
      const compute = asCompute(call.session);
      const read = () => readFileIn(compute, target);
      const { content } = await withAdmitted(compute, call, read);
      return { id: target.id, verdict: content === target.content ? 'done' : 'absent' };
    }),
  repeatable: true,
};

/** Gone is gone, whoever did it. */
const removeFile: ChangingVerb<Session, 'removeFile'> = {
  run: (call) =>
    answerEach<FileTarget>(call.targets, async (target) => {
      const compute = asCompute(call.session);
      await withAdmitted(compute, call, () => removeFileIn(compute, call, target));
      return { evidence: {} };
    }),
  settle: (call) =>
    settleEach<FileTarget>(call.targets, async (target) => {
      const compute = asCompute(call.session);
      const paths = await withAdmitted(compute, call, () => listFilesIn(compute, target));
      return { id: target.id, verdict: paths.includes(target.path) ? 'absent' : 'done' };
    }),
  repeatable: true,
};

type MoveVerb = 'mirrorDisks' | 'cutOver' | 'removeDisks';

/** A verb on a VM's disk that goes to another datastore. */
const moveVerb = <V extends MoveVerb>(
  change: (compute: ComputeSession, call: Call<V>, target: MoveTarget) => Promise<Evidence>,
  ask: (compute: ComputeSession, call: Call<V>, target: MoveTarget) => Promise<Settlement>,
): ChangingVerb<Session, V> => {
  const run = (call: Call<V>) =>
    answerEach<MoveTarget>(call.targets, async (target) => ({
      evidence: await change(asCompute(call.session), call, target),
    }));
  const settle = (call: Call<V>) =>
    settleEach<MoveTarget>(call.targets, async (target) => {
      const compute = asCompute(call.session);
      await withAdmitted(compute, call, async () => undefined);
      return ask(compute, call, target);
    });
  return { run, settle, repeatable: true } as ChangingVerb<Session, V>;
};

export const computeVerbs = {
  listVms,
  listDatastores,
  ...mountVerbs,
  vmStatus: async (call: Call<'vmStatus'>) => {
    const compute = asCompute(call.session);
    const state = await readCompute(compute);
    return valueEach(call.targets, (target) => statusOfVm(compute, state, target, call.signal));
  },
  register: recordVerb('register', register),
  unregister: recordVerb('unregister', unregister),
  powerOn: vmVerb(powerOn, settlePowerOn),
  shutDown: vmVerb(shutDown, settleOff),
  powerOff: vmVerb(powerOff, settleOff),
  migrateLive: vmVerb<'migrateLive'>(
    (compute, call, target) => migrateLive(compute, call, target, call.args.toComputeId),
    settleMigrate,
  ),
  cancelMigration: vmVerb(cancelMigration, settleCancel),
  migrationStatus: (call: Call<'migrationStatus'>) =>
    valueEach(call.targets, (target) =>
      migrationStatus(asCompute(call.session), target, call.signal),
    ),
  readFile: (call: Call<'readFile'>) =>
    valueEach<FileTarget, { content: string }>(call.targets, (target) =>
      readFileIn(asCompute(call.session), target),
    ),
  writeFile,
  removeFile,
  findInstances: async (call: Call<'findInstances'>) => {
    const compute = asCompute(call.session);
    const state = await readCompute(compute);
    const { signal, args } = call;
    return valueEach<VmTarget, readonly FoundInstance[]>(call.targets, (target) =>
      findInstances(compute, state, target, { signal, digests: args.digests === true }),
    );
  },
  chooseInstance: recordVerb('chooseInstance', chooseInstance),
  mirrorDisks: moveVerb<'mirrorDisks'>(
    (compute, call, target) => mirrorDisks(compute, call, target),
    settleMirror,
  ),
  cutOver: moveVerb<'cutOver'>(
    (compute, call, target) => cutOver(compute, call, target),
    settleCutOver,
  ),
  removeDisks: moveVerb<'removeDisks'>(
    (compute, call, target) => removeDisks(compute, call, target, call.args.end),
    (compute, call, target) => settleRemoval(compute, target, call.args.end),
  ),
  listFiles: (call: Call<'listFiles'>) =>
    valueEach<FileTarget, readonly string[]>(call.targets, (target) =>
      listFilesIn(asCompute(call.session), target),
    ),
} satisfies PluginVerbs<Session>;
