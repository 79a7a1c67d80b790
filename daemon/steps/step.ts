/**
 * What a recovery step is. One file per step says what it does, how a step in doubt is settled,
 * how it is undone, and what its default policy is; nothing else in the daemon knows.
 */
import type { Instance } from '../../sdk/plugin/model.ts';
import type { Answer, Settlement, TargetVerb, TargetVerbs } from '../../sdk/plugin/verbs.ts';
import type { Path, Side, StorageItem, Unit, VmItem } from '../core/frozen.ts';
import type { Mode } from '../core/plan.ts';
import type { Policy } from '../core/policy.ts';

/** The verbs of one remote, as a step sees them: through the gateway, with key and deadline. */
export type VerbCalls = {
  readonly [V in TargetVerb]: (
    targets: readonly TargetVerbs[V]['target'][],
    args?: TargetVerbs[V]['args'],
    /** A share of the phase's time, so that a call which uses it up leaves some for the next. */
    share?: { readonly timeoutMs: number },
  ) => Promise<readonly TargetVerbs[V]['answer'][]>;
};

export interface Verbs extends VerbCalls {
  /**
   * What became of an earlier call of `verb` under this task's key. Asks the plugin's `settle`;
   * a verb that is only `repeatable` is asked by repeating it, which has no further effect.
   */
  readonly settle: <V extends TargetVerb>(
    verb: V,
    targets: readonly TargetVerbs[V]['target'][],
    args?: TargetVerbs[V]['args'],
  ) => Promise<readonly Settlement[]>;
}

export interface StepCall<Item> {
  readonly remote: Verbs;
  readonly items: readonly Item[];
  readonly side: Side;
  readonly mode: Mode | 'device';
  /** `test` in test and cleanup runs. */
  readonly instance: Instance;
  /** Arguments of a device run's single verb; what was chosen for data that diverged. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Knows what `before` found: an undo, a proof, or `before` itself in a later attempt. */
export interface UndoCall<Item> extends StepCall<Item> {
  /** Item id → what `before` found. */
  readonly before: Readonly<Record<string, unknown>>;
}

/** What `before` found for one item; anything JSON holds. */
export type Found =
  | { readonly id: string; readonly value: unknown }
  | Extract<Answer, { fault: unknown }>;

/** An item that came out done. */
export type Done = Extract<Answer, { ok: true }>;

/** An item that came out with a fault. */
export type Failed = Extract<Answer, { fault: unknown }>;

/** What a step asks of a plugin. */
interface StepVerbs {
  /** Without these the plugin cannot do the step. The first is the one that changes something. */
  readonly verbs: readonly [TargetVerb, ...TargetVerb[]];
  /** Where a plugin does not offer them the step has nothing to do, and is left out. */
  readonly optional?: true;
  /** Used for undo or as a way out; a plugin without them gets a warning. */
  readonly helpers?: readonly TargetVerb[];
  /** What its undo calls; a helper among them is called by nothing else. */
  readonly undoVerbs?: readonly TargetVerb[];
  /** What other phases may call; absent: in run and settle the first verb, before it nothing. */
  readonly calls?: { readonly [P in 'before' | 'run' | 'settle']?: readonly TargetVerb[] };
}

/** Answers and settlements name items by id. */
export interface StepDefinition<Item> extends StepVerbs {
  readonly name: string;
  readonly unit: Unit;
  /** The workgroups that it is for, by their path; absent: for all. */
  readonly paths?: readonly Path[];
  /** Only where the sites' data went different ways, or only where it did not; absent: always. */
  readonly when?: 'diverged' | 'in-line';
  readonly side: Side;
  readonly remote: 'array' | 'compute';
  /** Deadline of one phase (before, run, settle, undo) with all its calls. */
  readonly timeoutMs: number;
  /** Priorities wait for each other here, in or against their order. */
  readonly gate?: 'priority' | 'priority-reversed';
  /** VM dependencies hold here. */
  readonly dependencies?: true;

  /** The first finding is kept: what an earlier attempt changed is not how things were. */
  readonly before?: (call: UndoCall<Item>) => Promise<readonly Found[]>;
  readonly run: (call: StepCall<Item>) => Promise<readonly Answer[]>;
  /**
   * Whether what the remote says it did has done what the step is for: asked of the items that
   * come out done, before anybody hears of it. What is not proven has failed, with this fault.
   */
  readonly prove?: (call: UndoCall<Item>, done: readonly Done[]) => Promise<readonly Answer[]>;
  /**
   * Whether what failed is done all the same: asked of the items that come out with a fault, before
   * anybody hears of it. For a step that stays: its undo will not clear away what is half done.
   */
  readonly judge?: (call: StepCall<Item>, failed: readonly Failed[]) => Promise<readonly Answer[]>;
  readonly settle: (call: StepCall<Item>) => Promise<readonly Settlement[]>;
  readonly undo:
    | ((call: UndoCall<Item>) => Promise<readonly Answer[]>)
    | 'nothing-to-undo'
    | 'stays'
    | 'no-return';
  /**
   * Nothing is wrong with undoing what came before, and what it stands on, while this is not
   * undone, nor with undoing it afterwards. Absent: all that is left with it.
   */
  readonly whenLeft?: 'alone';
  readonly onFault: Policy;
}

export type StorageStep = StepDefinition<StorageItem> & { readonly unit: 'storage' };
export type VmStep = StepDefinition<VmItem> & { readonly unit: 'vm' };
export type Step = StorageStep | VmStep;

export const defineStorageStep = (step: Omit<StorageStep, 'unit'>): StorageStep => ({
  ...step,
  unit: 'storage',
});

export const defineVmStep = (step: Omit<VmStep, 'unit'>): VmStep => ({ ...step, unit: 'vm' });
