/** Checks rules of injections against what there is: every problem at once, at its place. */
import { computeVerbs, listingVerbs, storageVerbs, targetVerbs } from '../../sdk/plugin/verbs.ts';
import { type CallRule, isToxicRule, type Rule, rulesMax } from '../../sdk/scenario/rule.ts';
import { unknownWord } from '../../sdk/scenario/words.ts';
import { SiteswapError, type Violation } from '../core/errors.ts';
import { steps } from '../steps/registry.ts';
import type { RemoteConfig } from '../workers/pool.ts';
import { wireBytesMax, wireRulesMax } from '../workers/wire-board.ts';
import { senselessIn, unitOf } from './rule-sense.ts';

export interface Known {
  readonly remotes: readonly Pick<RemoteConfig, 'id' | 'kind' | 'siteId'>[];
  readonly sites: readonly { readonly id: string }[];
  readonly holdsSecret?: (text: string) => boolean;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  /** All that there would be, with those that are checked. */
  readonly all: readonly Rule[];
  /** Whether the threads have room for its toxics. */
  readonly fits: boolean;
}

/** What a rule may be for, by the words of the engine; named as people write it. */
export const ruleWords: Readonly<Record<'step' | 'verb', readonly string[]>> = {
  step: [...steps.keys()],
  verb: [...targetVerbs, ...listingVerbs],
};

type Say = (field: string, message: string) => void;

const oneOf = (say: Say, field: string, value: string | undefined, all: readonly string[]) => {
  if (value !== undefined && !all.includes(value)) say(field, unknownWord(value, all));
};

/** The remote is one that the rest of the rule can meet. */
const checkRemote = (rule: Rule, say: Say, { remotes }: Known): void => {
  const { remoteId, siteId } = rule;
  const remote = remotes.find(({ id }) => id === remoteId);
  if (remote === undefined) return;
  if (siteId !== undefined && siteId !== remote.siteId) {
    say('remoteId', `${remoteId} is at site ${remote.siteId}, not at ${siteId}`);
  }
  if (!isToxicRule(rule)) checkKind(rule, remote, say);
};

const verbsOf: Readonly<Record<RemoteConfig['kind'], readonly string[]>> = {
  array: storageVerbs,
  compute: computeVerbs,
};

/** What an array can do a compute cannot, and the other way round. */
const checkKind = (rule: CallRule, { id, kind }: Known['remotes'][number], say: Say): void => {
  const [is, other] =
    kind === 'array' ? (['an array', 'compute'] as const) : (['a compute', 'array'] as const);
  const { verb = '', workgroup = '' } = rule;
  const step = steps.get(rule.step ?? '');
  if (step !== undefined && step.remote !== kind) {
    say('remoteId', `${id} is ${is}, step ${step.name} calls ${step.remote}s`);
  } else if (verbsOf[other].includes(verb)) {
    say('remoteId', `${id} is ${is}, ${verb} is a verb of ${other}s`);
  } else if (kind === 'array' && unitOf(workgroup) === 'vm') {
    say('remoteId', `${id} is ${is}, workgroups of VMs call computes`);
  }
};

const checkRule = (rule: Rule, say: Say, known: Known): void => {
  const { remotes, sites, holdsSecret, nowMs } = known;
  const [remoteIds, siteIds] = [remotes, sites].map((all) => all.map(({ id }) => id));
  oneOf(say, 'remoteId', rule.remoteId, remoteIds ?? []);
  oneOf(say, 'siteId', rule.siteId, siteIds ?? []);
  checkRemote(rule, say, known);
  if (rule.untilMs !== undefined && rule.untilMs <= nowMs) say('untilMs', 'is over already');
  if (holdsSecret?.(JSON.stringify(rule))) say('', 'holds a secret of the configuration');
  if (isToxicRule(rule)) return;
  for (const key of ['step', 'verb'] as const) oneOf(say, key, rule[key], ruleWords[key]);
  for (const { field, message } of senselessIn(rule)) say(field, message);
};

/** Throws INVALID_REQUEST. */
export const checkRules = (rules: readonly Rule[], known: Known): void => {
  const violations: Violation[] = [];
  const names = new Set<string>();
  rules.forEach((rule, at) => {
    const say: Say = (field, message) => {
      violations.push({ field: `rules[${at}]${field === '' ? '' : `.${field}`}`, message });
    };
    if (names.has(rule.name)) say('name', `"${rule.name}" stands twice`);
    names.add(rule.name);
    checkRule(rule, say, known);
  });
  if (known.all.length > rulesMax || !known.fits) {
    const toxics = `${wireRulesMax} with a toxic or ${wireBytesMax} bytes of these`;
    const message = `with those that are there more than ${rulesMax}, or ${toxics}`;
    violations.push({ field: 'rules', message });
  }
  const [first] = violations;
  if (first === undefined) return;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  throw new SiteswapError('INVALID_REQUEST', `${first.field} ${first.message}${more}`, {
    violations,
  });
};
