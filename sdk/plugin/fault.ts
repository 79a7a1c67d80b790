/**
 * Faults are values: a failure is data that crosses threads, the journal and the API unchanged.
 *
 * The kinds are closed. A plugin maps its vendor's errors into them (`faultOf`) and never adds one;
 * the vendor's own code and words travel beside the kind, verbatim.
 */

/** Every kind of fault, with what it says about the effect of the call. */
export const faultKinds = [
  /** The remote is working on something else: nothing was done, ask again later. */
  'busy',
  /** No contact with the remote. The effect of the call is in doubt. */
  'unreachable',
  /** No answer in time. The effect of the call is in doubt. */
  'timeout',
  /** The remote understood and said no. Nothing was done. */
  'refused',
  /** The target does not exist there. Nothing was done. */
  'missing',
  /** The remote or plugin cannot do this at all. Nothing was done; never repeat it. */
  'unsupported',
  /** The target is in a state in which this must not be done. Nothing was done. */
  'conflict',
  /** The caller's licence (lineage, epoch) is older than the target's. Nothing was done. */
  'fenced',
  /** Data or an answer failed its check. Nothing further was done. */
  'corrupt',
  /** The call was cut short (worker died, daemon restarted) and its effect is proven absent. */
  'interrupted',
  /** Anything a plugin could not name. The effect of the call is in doubt. */
  'unknown',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** Whose failure it is, so that a person knows whom to call. */
export const faultOwners = ['queue', 'engine', 'plugin', 'array'] as const;
export type FaultOwner = (typeof faultOwners)[number];

/** A classified failure. Plain data: survives structured clone and JSON. */
export interface Fault {
  readonly kind: FaultKind;
  readonly owner: FaultOwner;
  /** For people; names the thing that failed. */
  readonly message: string;
  /** The vendor's own code, verbatim. */
  readonly code?: string;
  /** What a person can do about it. */
  readonly hint?: string;
  /** Members of a consistency group that failed, when the target is a group. */
  readonly members?: readonly string[];
}

/** Kinds after which nobody knows whether the call had its effect: settle before you judge. */
const doubtful: ReadonlySet<FaultKind> = new Set(['unreachable', 'timeout', 'unknown']);

/** True when the effect of the failed call may still have happened, or may still arrive. */
export const inDoubt = (fault: Fault): boolean => doubtful.has(fault.kind);

/**
 * The one error class a plugin throws on purpose; anything else thrown goes through the plugin's
 * `faultOf` and, failing that, becomes `unknown` owned by the plugin.
 */
export class FaultError extends Error {
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.name = 'FaultError';
    this.fault = fault;
  }
}

/** Shorthand for plugin authors: a fault owned by the array unless said otherwise. */
export const fault = (
  kind: FaultKind,
  message: string,
  more: Omit<Partial<Fault>, 'kind' | 'message'> = {},
): Fault => ({ owner: 'array', ...more, kind, message });
