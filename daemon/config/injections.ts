/**
 * Checks what the file's rules of injections name: a rule for a step, site or verb that does not
 * exist would wait for ever, and nobody would know why nothing fails.
 */
import type { Secret } from '../../sdk/plugin/config.ts';
import { scenarioPathOf } from '../../sdk/scenario/file.ts';
import { callRuleSchema } from '../../sdk/scenario/schema.ts';
import { nearest } from '../../sdk/yaml/index.ts';
import { ruleWords } from '../runner/check-rules.ts';
import { senselessIn } from '../runner/rule-sense.ts';
import { type Finding, itemsOf, type Mapping } from './finding.ts';
import { secretHolder } from './secrets.ts';

type Item = ReturnType<typeof itemsOf>[number];

const unknownWords = ({ path, item }: Item): readonly Finding[] =>
  Object.entries(ruleWords).flatMap(([key, words]) => {
    const word = item[key];
    if (typeof word !== 'string' || words.includes(word)) return [];
    const suggestion = nearest(word, words);
    return [
      {
        path: `${path}.${key}`,
        message: `there is no ${key} ${JSON.stringify(word)}`,
        expected: `one of ${words.join(', ')}`,
        ...(suggestion !== undefined && { suggestion }),
      },
    ];
  });

/** Of a rule that is in form: what of it can never be. */
const senseless = ({ path, item }: Item): readonly Finding[] => {
  const read = callRuleSchema.safeParse(item);
  if (!read.success) return [];
  return senselessIn(read.data).map(({ field, message }) => ({
    path: scenarioPathOf(`${path}.${field}`),
    message,
    expected: '',
  }));
};

/** `secrets`: of the configuration; what a rule says is journaled with each of its draws. */
export const injectionFindings = (
  root: Mapping,
  secrets: readonly Secret[],
): readonly Finding[] => {
  const holds = secretHolder(secrets);
  return itemsOf(root, 'injections').flatMap((rule) => [
    ...unknownWords(rule),
    ...senseless(rule),
    ...(holds(JSON.stringify(rule.item))
      ? [{ path: rule.path, message: 'holds a secret of the configuration', expected: '' }]
      : []),
  ]);
};
