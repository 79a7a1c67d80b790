/** Everything that goes wrong in a scenario: what, and at which moment of its history. */

import type { FailureOrder, HangOrder } from '../../plugins/lab/commands.ts';
import { migrationStages } from '../../plugins/lab/model.ts';
import { type FaultKind, faultKinds } from '../../sdk/plugin/fault.ts';
import type { TargetVerb } from '../../sdk/plugin/verbs.ts';
import type { CallRule } from '../../sdk/scenario/rule.ts';
import type { Chance } from './chance.ts';
import { type Network, quietNetwork } from './far-end.ts';
import { vmId, vmsTotal } from './vms.ts';

/** What is broken, or what a person does in between. */
export type Effect =
  | { readonly do: 'crash' }
  | { readonly do: 'kill-thread' }
  | { readonly do: 'fill-disk'; readonly forMs: number }
  | { readonly do: 'silence'; readonly remoteId: string; readonly forMs: number }
  /** `alive`: it is declared lost by mistake, and answers whoever asks. */
  | { readonly do: 'lose-site'; readonly vms: 'crash' | 'keep' | 'alive' }
  | { readonly do: 'cancel' }
  | { readonly do: 'start-again' }
  | MemberEffect;

/** What befalls one of several members, or the database that they share. */
export type MemberEffect =
  | { readonly do: 'freeze'; readonly forMs: number }
  | { readonly do: 'cut-off'; readonly forMs: number }
  | { readonly do: 'database-away'; readonly forMs: number }
  | { readonly do: 'drain'; readonly forMs: number };

/**
 * The nth moment of a kind: an entry of a type that lands, a job given to a thread, a call of a
 * verb, its answer, a stage that a live migration comes to.
 */
export interface Trigger {
  readonly kind: 'landed' | 'job' | 'call' | 'answer' | 'stage';
  /** Type of the entry, the step, the verb, or the stage; absent: any. */
  readonly of?: string;
  readonly nth: number;
}

export interface Trouble {
  readonly on: Trigger;
  readonly effect: Effect;
}

export interface Faults {
  readonly troubles: readonly Trouble[];
  /** Applied by the gateway. */
  readonly injections: readonly CallRule[];
  /** Applied by the lab: the far end itself fails, hangs, or lands an effect late. */
  readonly orders: readonly (FailureOrder | HangOrder)[];
  /** Seeded shares of a verb's targets that fail. */
  readonly shares: readonly FaultShare[];
  /** Guests that do not stop when they are asked to. */
  readonly stubborn: readonly string[];
  readonly network: Network;
  readonly restartMsMax: number;
  readonly wallJumpMsMax: number;
}

export interface FaultShare {
  readonly verb: TargetVerb;
  readonly rate: number;
  readonly kind: FaultKind;
  readonly seed: number;
}

/** An object that no world has: calls that are led astray name it. */
export const nobody = 'nobody';

const changing = [
  'sync',
  'shutDown',
  'powerOff',
  'unmount',
  'prepareFailover',
  'failover',
  'mount',
  'register',
  'powerOn',
  'restoreReplication',
  'unregister',
  'testFailoverStart',
  'testFailoverStop',
  'reverse',
] as const satisfies readonly TargetVerb[];

/** With what is called where storage is stretched; elsewhere every seed means what it meant. */
const changingStretched = [
  ...changing,
  'setSitePreference',
  'migrateLive',
  'migrateLive',
  'fence',
] as const satisfies readonly TargetVerb[];

type Verbs = readonly TargetVerb[];

const entryTypes = [
  'task-started',
  'task-prepared',
  'task-accepted',
  'task-outcome',
  'task-settled',
  'policy-applied',
  'run-parked',
  'run-resumed',
  'run-cancel-requested',
  'run-ended',
  'run-opened',
  'run-closed',
] as const;

const drawTrigger = (chance: Chance, verbs: Verbs): Trigger => {
  const kind = chance.pick(['landed', 'landed', 'call', 'answer'] as const);
  if (chance.hit(0.4)) return { kind, nth: chance.spread(1, 250) };
  const of = kind === 'landed' ? chance.pick(entryTypes) : chance.pick(verbs);
  return { kind, of, nth: chance.spread(1, 12) };
};

type Loss = Extract<Effect, { do: 'lose-site' }>;

const drawLoss = (chance: Chance): Loss => ({
  do: 'lose-site',
  vms: chance.pick(['crash', 'keep', 'alive'] as const),
});

/** Where storage is stretched a site is lost oftener, in the middle of a live migration. */
const drawLosses = (chance: Chance, verbs: Verbs, stretched: boolean): readonly Trouble[] => {
  const plain = chance.hit(0.25)
    ? [{ on: drawTrigger(chance, verbs), effect: drawLoss(chance) }]
    : [];
  const own = chance.fork('stage');
  if (!stretched || !own.hit(plain.length > 0 ? 0.6 : 0.25)) return plain;
  const of = own.pick(migrationStages.slice(1));
  return [{ on: { kind: 'stage', of, nth: own.spread(1, 12) }, effect: drawLoss(own) }];
};

const drawEffect = (chance: Chance): Effect =>
  chance.pick([
    (): Effect => ({ do: 'crash' }),
    (): Effect => ({ do: 'crash' }),
    (): Effect => ({ do: 'crash' }),
    (): Effect => ({ do: 'kill-thread' }),
    (): Effect => ({ do: 'fill-disk', forMs: chance.spread(10, 600_000) }),
    (): Effect => ({
      do: 'silence',
      remoteId: chance.pick(['lab-a', 'lab-b', 'lab-compute-a', 'lab-compute-b']),
      forMs: chance.spread(10, 600_000),
    }),
    (): Effect => ({ do: 'cancel' }),
    (): Effect => ({ do: 'start-again' }),
  ])();

const injected = { owner: 'array', message: 'injected', code: 'INJECTED' } as const;

const drawInjection = (chance: Chance, verbs: Verbs, at: number): CallRule => {
  const effect = chance.pick([
    () => ({
      effect: 'error' as const,
      fault: {
        kind: chance.pick(faultKinds),
        owner: 'array' as const,
        message: 'injected',
        code: 'INJECTED',
      },
    }),
    () => ({ effect: 'delay' as const, delayMs: chance.spread(10, 200_000) }),
    () => ({ effect: 'hang' as const }),
    () => ({ effect: 'lost-reply' as const }),
    () => ({ effect: 'worker-crash' as const, after: chance.hit(0.5) }),
    () => ({ effect: 'worker-out-of-memory' as const }),
    () => ({ effect: 'refuse' as const }),
    () => ({ effect: 'duplicate' as const }),
    () => ({ effect: 'stale-read' as const }),
    () => ({
      effect: 'error' as const,
      fault: { ...injected, kind: 'timeout' as const },
      after: true,
    }),
    () => ({ effect: 'fail-later' as const, fault: { ...injected, kind: 'refused' as const } }),
    () => ({
      effect: 'partial' as const,
      done: chance.between(0, 2),
      fault: { ...injected, kind: chance.pick(hard) },
    }),
    () => ({ effect: 'parameter' as const, target: { id: nobody, devices: [nobody] } }),
  ])();
  return {
    name: `rule ${at + 1}`,
    ...(chance.hit(0.8) ? { verb: chance.pick(verbs) } : {}),
    ...(chance.hit(0.3) ? { direction: chance.pick(['run', 'undo'] as const) } : {}),
    ...(chance.hit(0.5) ? { nth: chance.spread(1, 20) } : {}),
    budget: chance.spread(1, 8),
    effect,
  };
};

const hard: readonly FaultKind[] = ['refused', 'conflict', 'missing', 'busy', 'unknown', 'timeout'];

const drawOrder = (chance: Chance, verbs: Verbs, groups: number): FailureOrder | HangOrder => {
  const verb = chance.pick(verbs);
  const order: HangOrder = {
    verb,
    ...(chance.hit(0.3) && isStorage(verb)
      ? { targetIds: [`cg-000${chance.between(1, groups)}`] }
      : {}),
    effect: chance.pick(['none', 'done', 'late'] as const),
    lateMs: chance.spread(100, 600_000),
    times: chance.spread(1, 4),
  };
  return chance.hit(0.4) ? order : { ...order, kind: kindFor(chance, order.effect) };
};

/** An effect that is or will be there is told as a time-out: the array knows no better. */
const kindFor = (chance: Chance, effect: HangOrder['effect']): FaultKind =>
  effect === 'none' ? chance.pick(hard) : 'timeout';

const storage: ReadonlySet<TargetVerb> = new Set([
  'sync',
  'prepareFailover',
  'failover',
  'restoreReplication',
  'reverse',
  'setSitePreference',
  'fence',
]);

const isStorage = (verb: TargetVerb): boolean => storage.has(verb);

const times = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));

export interface FaultQuestion {
  readonly calm: boolean;
  /** Of any kind. */
  readonly groups: number;
  readonly stretched: boolean;
}

export const drawFaults = (chance: Chance, question: FaultQuestion): Faults => {
  const { calm, groups } = question;
  const verbs = question.stretched ? changingStretched : changing;
  const restartMsMax = chance.spread(10, 60_000);
  if (calm) {
    return {
      troubles: [],
      injections: [],
      orders: [],
      shares: [],
      stubborn: [],
      network: quietNetwork,
      restartMsMax,
      wallJumpMsMax: 0,
    };
  }
  const loss = drawLosses(chance, verbs, question.stretched);
  return {
    troubles: [
      ...times(chance.between(0, 4), () => ({
        on: drawTrigger(chance, verbs),
        effect: drawEffect(chance),
      })),
      ...loss,
    ],
    injections: times(chance.between(0, 3), (at) => drawInjection(chance, verbs, at)),
    orders: times(chance.between(0, 3), () => drawOrder(chance, verbs, groups)),
    shares: times(chance.between(0, 2), () => ({
      verb: chance.pick(verbs),
      rate: chance.fraction() * 0.3,
      kind: chance.pick(hard),
      seed: chance.between(1, 1_000),
    })),
    stubborn: times(chance.pick([0, 0, 2, 5]), () => vmId(chance.between(1, vmsTotal))),
    network: chance.hit(0.5)
      ? quietNetwork
      : {
          lostRate: chance.fraction() * 0.03,
          slowRate: 0.2,
          slowMsMax: chance.spread(10, 100_000),
        },
    restartMsMax,
    wallJumpMsMax: chance.pick([0, 0, 1_000, 3_600_000]),
  };
};
