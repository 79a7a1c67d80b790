/**
 * From whatever a plugin throws or answers to a fault of ours. A plugin may carry its own copy of
 * the kit, so nothing here asks for a class: only for the shape.
 */
import { type Fault, faultKinds, faultOwners } from '../../sdk/plugin/fault.ts';
import { faultTextMax } from './limits.ts';

/** Codes of the faults that the host and the gateway make themselves. */
export const codes = {
  /** The plugin's module does not load or breaks its contract. */
  pluginLoad: 'PLUGIN_LOAD_FAILED',
  /** The remote's configuration is not what the plugin asks for. */
  pluginConfig: 'PLUGIN_CONFIG',
  /** The plugin answered nonsense. */
  badAnswer: 'BAD_ANSWER',
  /** The verb is not offered. */
  unsupported: 'VERB_UNSUPPORTED',
  /** Not called: the site is declared lost. */
  siteLost: 'SITE_LOST',
  /** The site was declared lost with the call under way. */
  cutOff: 'SITE_LOST_IN_CALL',
  /** No answer in time. */
  deadline: 'DEADLINE',
  /** No session in time. */
  openDeadline: 'OPEN_DEADLINE',
} as const;

/** The same fault; its hint goes on with `more`. */
export const withMoreHint = (fault: Fault, more: string): Fault => ({
  ...fault,
  hint: fault.hint === undefined ? more : `${fault.hint} ${more}`,
});

const kinds: ReadonlySet<unknown> = new Set(faultKinds);
const owners: ReadonlySet<unknown> = new Set(faultOwners);

const clip = (text: string): string =>
  text.length > faultTextMax ? `${text.slice(0, faultTextMax)} …` : text;

/** A clean copy of a well-formed fault; undefined for anything else. */
export const parseFault = (value: unknown): Fault | undefined => {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, owner, message, code, hint, members } = value as Fault;
  if (!kinds.has(kind) || !owners.has(owner) || typeof message !== 'string') return undefined;
  const textOrNothing = (text: unknown) => text === undefined || typeof text === 'string';
  if (!textOrNothing(code) || !textOrNothing(hint)) return undefined;
  if (members !== undefined) {
    if (!Array.isArray(members) || members.some((id) => typeof id !== 'string')) return undefined;
  }
  return {
    kind,
    owner,
    message: clip(message),
    ...(code !== undefined && { code: clip(code) }),
    ...(hint !== undefined && { hint: clip(hint) }),
    ...(members !== undefined && { members: [...members] }),
  };
};

const wordsOf = (error: unknown): string => {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'something that has no words';
  }
};

const wordedBy = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | undefined | null)?.code;
  return typeof code === 'string' ? clip(code) : undefined;
};

/** A FaultError carries its fault; undefined for other errors. */
export const carriedFault = (error: unknown): Fault | undefined =>
  parseFault((error as { fault?: unknown } | undefined | null)?.fault);

/** An error that neither carried a fault nor was known to the plugin's `faultOf`. */
export const unnamedFault = (error: unknown): Fault => {
  const code = wordedBy(error);
  return {
    kind: 'unknown',
    owner: 'plugin',
    message: clip(wordsOf(error)),
    ...(code !== undefined && { code }),
    hint: "The plugin's faultOf does not know this error: give it to the plugin's vendor.",
  };
};

/** The plugin as a whole cannot be used. Nothing was done at the remote. */
export const pluginFault = (code: string, message: string, hint: string): Fault => ({
  kind: 'unsupported',
  owner: 'plugin',
  message: clip(message),
  code,
  hint,
});

/** The plugin answered nonsense: whether the call had its effect is in doubt. */
export const badAnswer = (message: string): Fault => ({
  kind: 'unknown',
  owner: 'plugin',
  message: clip(message),
  code: codes.badAnswer,
  hint: 'The plugin breaks its contract: give this to its vendor, and run the conformance suite.',
});
