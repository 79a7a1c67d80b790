/** What options and arguments hold, read and refused in the same words everywhere. */
import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { InvalidArgumentError, Option } from 'commander';
import { Mode, type Policy } from '../../proto/gen/siteswap/v1/common.ts';
import { parseScenario, scenarioPathOf } from '../scenario/file.ts';
import type { Scenario } from '../scenario/schema.ts';
import { formatProblems, type Parsed, type ParseResult, parseYaml } from '../yaml/index.ts';
import { type EnumObject, fromWord, wordsOf } from './enums.ts';
import { usageError } from './exit.ts';
import type { Written } from './file-lines.ts';
import { policiesMessage, policyMessage } from './plan/file.ts';
import {
  actionOfText,
  actionTextForms,
  type PlanFile,
  planSchema,
  policiesSchema,
} from './plan/schema.ts';

/** The value of an enum for a word that commander has checked against its choices. */
export const chosen = <E extends EnumObject>(names: E, word: string): E[keyof E] => {
  const value = fromWord(names, word);
  if (value !== undefined) return value;
  throw usageError(`${word} is not one of ${wordsOf(names).join(', ')}`, 'Choose one of them.');
};

/** `--mode`, of the modes that a plan can be run in. */
export const modeOption = (): Option =>
  new Option('--mode <mode>', 'how to execute the plan')
    .choices(wordsOf(Mode).filter((word) => word !== 'device'))
    .makeOptionMandatory();

/** A whole number in an option. */
export const wholeNumber = (text: string): number => numberTo(Number.MAX_SAFE_INTEGER)(text);

/** A whole number in an option that has an upper bound. */
export const numberTo =
  (max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
    const bound = max === Number.MAX_SAFE_INTEGER ? 'of at least 0' : `from 0 to ${max}`;
    throw new InvalidArgumentError(`It must be a whole number ${bound}.`);
  };

const unreadable: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'this user may not read it',
};

/** A file's text; `-` is standard input. */
const read = async (file: string, next = 'Check the path.'): Promise<string> => {
  try {
    return file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw usageError(`cannot read ${file}: ${unreadable[code] ?? error}`, next);
  }
};

/** A plan file, with what is wrong in it. */
export const readPlan = async (file: string): Promise<ParseResult<PlanFile>> =>
  parseYaml(await read(file), planSchema, { file });

/** A checked scenario file; throws with every problem at its line. */
export const readScenario = async (file: string): Promise<Parsed<Scenario>> => {
  const parsed = parseScenario(await read(file), file);
  if (!('problems' in parsed)) return parsed;
  const lines = formatProblems(parsed.problems).split('\n');
  throw usageError(`${file} is not a scenario`, 'Correct the places named above.', lines);
};

/** For what a daemon finds in its rules. */
export const writtenIn = (file: string, { locate }: Parsed<Scenario>): Written => ({
  file,
  locate,
  pathOf: scenarioPathOf,
  holds: (field) => field.startsWith('rules'),
});

const readPolicies = async (file: string): Promise<Record<string, Policy>> => {
  const next = 'Give STEP=ACTION, or the path of a file of policies.';
  const parsed = parseYaml(await read(file, next), policiesSchema, { file });
  if (!('problems' in parsed)) return policiesMessage(parsed.value);
  const lines = formatProblems(parsed.problems).split('\n');
  throw usageError(`${file} does not hold policies`, 'Correct the places named above.', lines);
};

/** `--policy`, given any number of times: STEP=ACTION, or a file of policies. */
export const policyOption = (): Option =>
  new Option(
    '--policy <step=action|file>',
    `a step's policy, or a file of policies; may be repeated. ACTION is ${actionTextForms}`,
  ).argParser((text, earlier: readonly string[] = []) => [...earlier, text]);

/** Step name → policy, of all `--policy` options; later ones win. */
export const readPolicyOptions = async (
  given: readonly string[] = [],
): Promise<Record<string, Policy>> => {
  const policies: Record<string, Policy> = {};
  for (const text of given) {
    const [step = '', form] = text.split('=');
    if (form === undefined) {
      Object.assign(policies, await readPolicies(text));
      continue;
    }
    const otherwise = actionOfText(form);
    if ('problem' in otherwise) {
      throw usageError(`--policy ${step}=${otherwise.problem}`, `Use ${actionTextForms}.`);
    }
    policies[step] = policyMessage({ rules: [], otherwise });
  }
  return policies;
};
