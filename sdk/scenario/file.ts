/** Scenario files: rules under a name, as YAML; each problem is told at its line. */
import { stringify } from 'yaml';
import { type ParseResult, parseYaml } from '../yaml/index.ts';
import { type Scenario, scenarioSchema } from './schema.ts';
import { formOf } from './translate.ts';

export const parseScenario = (text: string, file: string): ParseResult<Scenario> =>
  parseYaml(text, scenarioSchema, { file });

/** Field of the contract → the key that people write for it. */
const keys: Readonly<Record<string, string>> = {
  siteId: 'site',
  remoteId: 'remote',
  planId: 'plan',
  runId: 'run',
  untilMs: 'until',
};

/** A violation's path in the contract's rules → the same place in a scenario file. */
export const scenarioPathOf = (field: string): string =>
  field.replace(/(^|\.)(\w+)/g, (_, dot: string, name: string) => `${dot}${keys[name] ?? name}`);

export const writeScenario = ({ name, about, seed, rules }: Scenario): string =>
  stringify({ name, about, seed, rules: rules.map(formOf) }, { lineWidth: 100 });
