/** A remote for steps: it notes every call and answers as the test says. */

import type { StorageItem, VmItem } from '../../daemon/core/frozen.ts';
import { steps } from '../../daemon/steps/registry.ts';
import type { Step, StorageStep, UndoCall, Verbs, VmStep } from '../../daemon/steps/step.ts';
import { type FaultKind, fault } from '../../sdk/plugin/fault.ts';
import type { Answer, Settlement } from '../../sdk/plugin/verbs.ts';
import { computeVerbs, storageVerbs } from '../../sdk/plugin/verbs.ts';

export interface Noted {
  readonly verb: string;
  readonly ids: readonly string[];
  readonly targets: readonly unknown[];
  readonly args: unknown;
  readonly share: unknown;
}

type Reply = Answer | Settlement | { readonly id: string; readonly value: unknown };

/** Verb (or `settle:verb`) -> target id -> its answer; success where nothing is said. */
export type Script = Readonly<Record<string, (id: string) => Reply>>;

export const scripted = (script: Script = {}) => {
  const calls: Noted[] = [];
  const note = (verb: string, targets: readonly { readonly id: string }[], rest: unknown[]) => {
    const ids = targets.map(({ id }) => id);
    calls.push({ verb, ids, targets, args: rest[0], share: rest[1] });
  };
  const call =
    (verb: string) =>
    async (targets: readonly { readonly id: string }[], ...rest: unknown[]) => {
      note(verb, targets, rest);
      return targets.map(({ id }) => script[verb]?.(id) ?? { id, ok: true });
    };
  const settle = async (
    verb: string,
    targets: readonly { readonly id: string }[],
    ...rest: unknown[]
  ) => {
    note(`settle:${verb}`, targets, rest);
    return targets.map(({ id }) => script[`settle:${verb}`]?.(id) ?? { id, verdict: 'done' });
  };
  const verbs = [...storageVerbs, ...computeVerbs].map((verb) => [verb, call(verb)]);
  const remote = { ...Object.fromEntries(verbs), settle } as unknown as Verbs;
  return { calls, remote, verbs: () => calls.map(({ verb }) => verb) };
};

export const storageStep = (name: string): StorageStep => steps.get(name) as StorageStep;
export const vmStep = (name: string): VmStep => steps.get(name) as VmStep;

export const groupItem = (
  id: string,
  datastores: readonly string[] = [`ds-${id}`],
): StorageItem => ({
  id: `ap/${id}`,
  protected: { id, devices: [`${id}-p`] },
  recovery: { id: `${id}'`, devices: [`${id}-r`] },
  datastores: datastores.map((name) => ({
    id: name,
    protectedDevices: [{ arrayId: 'ap', deviceId: `${id}-p` }],
    recoveryDevices: [{ arrayId: 'ar', deviceId: `${id}-r` }],
  })),
});

/** The same, served by both sites. */
export const stretchedItem = (id: string): StorageItem => ({
  ...groupItem(id),
  preference: { from: 'site-p', to: 'site-r' },
});

export const vmItem = (id: string): VmItem => ({
  id,
  on: [0],
  datastoreIds: ['ds'],
  toComputeId: 'cr',
});

type More = Partial<Pick<UndoCall<never>, 'mode' | 'instance' | 'args' | 'before'>>;

export const callOf = <Item>(
  step: Step,
  items: readonly Item[],
  script: Script,
  more: More = {},
) => {
  const far = scripted(script);
  const call: UndoCall<Item> = {
    remote: far.remote,
    items,
    side: step.side,
    mode: 'planned',
    instance: 'production',
    before: {},
    ...more,
  };
  return { far, call };
};

export const failing = (kind: FaultKind) => (id: string) => ({
  id,
  fault: fault(kind, `${id}: ${kind}`),
});
export const statusOf = (change: object) => (id: string) => ({
  id,
  value: { id, registered: true, power: 'on', ...change },
});
