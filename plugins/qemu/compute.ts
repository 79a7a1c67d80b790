/**
 * A compute: a directory with its durable state, changed only under its lock, whole. What runs is
 * asked of the processes; here stands what should be known when nothing runs.
 */
import type { Instance, ListingCall, MoveTarget, Page, Vm } from '@siteswap/sdk/plugin';
import {
  admitDurably,
  checkDeadline,
  type Licence,
  type Memory,
  pageOf,
} from '@siteswap/sdk/plugin/kit';
import { readJson, writeJson } from './durable.ts';
import { failure } from './faults.ts';
import { withLocks } from './locks.ts';
import { isOn, lookAt } from './machine.ts';
import { atOf, computeFile, placeOf } from './places.ts';
import { asCompute, type ComputeSession, type Session } from './session.ts';

export interface Registered {
  readonly id: string;
  readonly instance: Instance;
  readonly name: string;
  readonly datastoreIds: readonly string[];
}

/** Content of `compute.json`. */
export interface ComputeState extends Memory {
  readonly format: number;
  /** Names its locks. */
  readonly uuid: string;
  /** `instance/id` → registration. */
  readonly vms: Readonly<Record<string, Registered>>;
  /** `instance/id` → the datastores whose copy of it is the VM, since somebody chose. */
  readonly choices?: Readonly<Record<string, readonly string[]>>;
  /** `instance/id` → a cut-over that was begun, until its end is noted. */
  readonly cutting?: Readonly<Record<string, MoveTarget>>;
}

/** As of now; throws `unreachable` when the directory holds no compute. */
export const readCompute = async ({
  directory,
  id,
}: Pick<ComputeSession, 'directory' | 'id'>): Promise<ComputeState> => {
  const state = await readJson<ComputeState>(computeFile(directory));
  if (state !== undefined) return state;
  throw failure('unreachable', `compute ${id} does not answer: nothing at ${directory}`);
};

/** A compute whose lock is held. */
export interface HeldCompute {
  /** As of the last commit. */
  readonly state: ComputeState;
  /** Makes a new state durable. Refused when the call is past its deadline. */
  readonly commit: (next: ComputeState) => Promise<void>;
}

type Named = Pick<ComputeSession, 'directory' | 'id'>;

export const withCompute = async <T>(
  compute: Named,
  licence: Licence,
  body: (held: HeldCompute) => Promise<T>,
): Promise<T> => {
  const { uuid } = await readCompute(compute);
  return withLocks([`compute ${uuid}`], licence.signal, async () => {
    let state = await readCompute(compute);
    return body({
      get state() {
        return state;
      },
      commit: async (next) => {
        checkDeadline(licence);
        await writeJson(computeFile(compute.directory), next);
        state = next;
      },
    });
  });
};

/**
 * Does `work` under the caller's licence, and notes it: nothing lands under an older one from here
 * on. Who asks what became of a call does no work, and builds upon the answer.
 */
export const withAdmitted = <T>(
  compute: Named,
  call: Licence,
  work: (state: ComputeState) => Promise<T>,
): Promise<T> => withCompute(compute, call, async (held) => work(await admitDurably(held, call)));

/** Whoever starts, ends or moves the VM holds this; it is free again when its holder dies. */
export const vmLock = ({ uuid }: ComputeState, vm: Parameters<typeof placeOf>[0]): string =>
  `vm ${placeOf(vm)} of compute ${uuid}`;

export const listVms = async (call: ListingCall<Session>): Promise<Page<Vm>> => {
  const compute = asCompute(call.session);
  const { vms } = await readCompute(compute);
  const page = pageOf(Object.values(vms), call.page, placeOf);
  const items = await Promise.all(
    page.items.map(async (vm): Promise<Vm> => {
      const on = isOn(await lookAt(atOf(compute, vm), call.signal));
      return { ...vm, power: on ? 'on' : 'off' };
    }),
  );
  return { ...page, items };
};
