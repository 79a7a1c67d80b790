/** Checks rules of injections against what there is: every problem at once, at its place. */
import { listingVerbs, targetVerbs } from '../../sdk/plugin/verbs.ts';
import { isToxicRule, type Rule } from '../../sdk/scenario/rule.ts';
import { rulesMax } from '../../sdk/scenario/schema.ts';
import { SiteswapError, type Violation } from '../core/errors.ts';
import { modes } from '../core/plan.ts';
import { steps } from '../steps/registry.ts';
import { wireRulesMax } from '../workers/wire-board.ts';

export interface Known {
  readonly remotes: readonly { readonly id: string }[];
  readonly sites: readonly { readonly id: string }[];
  readonly holdsSecret?: (text: string) => boolean;
}

/** Effects that have a meaning for a question about a call, and for a listing. */
const asking: ReadonlySet<string> = new Set([
  'error',
  'refuse',
  'delay',
  'hang',
  'lost-reply',
  'duplicate',
  'wrong-result',
  'worker-crash',
  'worker-out-of-memory',
]);

const listings: ReadonlySet<string> = new Set(listingVerbs);

/** What a rule may be for, by the words of the engine; named as people write it. */
export const ruleWords: Readonly<Record<'step' | 'verb' | 'mode', readonly string[]>> = {
  step: [...steps.keys()],
  verb: [...targetVerbs, ...listingVerbs],
  mode: [...modes, 'device'],
};

type Say = (field: string, message: string) => void;

const oneOf = (say: Say, field: string, value: string | undefined, all: readonly string[]) => {
  if (value !== undefined && !all.includes(value)) {
    say(field, `there is no "${value}": it has ${all.join(', ')}`);
  }
};

const checkRule = (rule: Rule, say: Say, { remotes, sites, holdsSecret }: Known): void => {
  const remoteIds = remotes.map(({ id }) => id);
  const siteIds = sites.map(({ id }) => id);
  oneOf(say, 'remoteId', rule.remoteId, remoteIds);
  oneOf(say, 'siteId', rule.siteId, siteIds);
  if (holdsSecret?.(JSON.stringify(rule))) say('', 'holds a secret of the configuration');
  if (isToxicRule(rule)) return;
  for (const key of ['step', 'verb', 'mode'] as const) oneOf(say, key, rule[key], ruleWords[key]);
  const { phase, verb = '', effect } = rule;
  const asks = phase === 'settle' || phase === 'poll' || listings.has(verb);
  if (asks && !asking.has(effect.effect)) {
    say('effect', `${effect.effect} has no meaning for a question: it has none of its answers`);
  }
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
  const toxics = rules.filter(isToxicRule).length;
  if (rules.length > rulesMax || toxics > wireRulesMax) {
    const message = `more than ${rulesMax} rules, or ${wireRulesMax} with a toxic`;
    violations.push({ field: 'rules', message });
  }
  const [first] = violations;
  if (first === undefined) return;
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : '';
  throw new SiteswapError('INVALID_REQUEST', `${first.field} ${first.message}${more}`, {
    violations,
  });
};
