/** The plugin under test: loaded, checked as the daemon checks it, its verbs looked up by name. */
import type { SettleHandler, VerbHandler } from '../plugin/define.ts';
import {
  checkDefinition,
  isSecret,
  type PluginDefinition,
  type TargetVerb,
  type Verb,
} from '../plugin/index.ts';
import { claim } from './failure.ts';

/** The module's default export is the definition. Throws ClaimFailure for what is none. */
export const loadPlugin = async (plugin: object | string): Promise<PluginDefinition> => {
  const value: unknown = typeof plugin === 'string' ? (await import(plugin)).default : plugin;
  const checked = checkDefinition(value);
  claim('definition' in checked, 'problems' in checked ? checked.problems.join('; ') : '');
  return checked.definition;
};

interface Parts {
  readonly run?: unknown;
  readonly settle?: unknown;
  readonly repeatable?: unknown;
}

const partsOf = (definition: PluginDefinition, verb: Verb): Parts => {
  const entry: unknown = definition.verbs[verb];
  return typeof entry === 'function' ? { run: entry } : ((entry ?? {}) as Parts);
};

/** What does the verb; undefined: not offered. */
export const handlerOf = (
  definition: PluginDefinition,
  verb: TargetVerb,
): VerbHandler<unknown, TargetVerb> | undefined =>
  partsOf(definition, verb).run as VerbHandler<unknown, TargetVerb> | undefined;

export const settlerOf = (
  definition: PluginDefinition,
  verb: TargetVerb,
): SettleHandler<unknown, TargetVerb> | undefined =>
  partsOf(definition, verb).settle as SettleHandler<unknown, TargetVerb> | undefined;

export const offers = (definition: PluginDefinition, verb: Verb): boolean =>
  partsOf(definition, verb).run !== undefined;

export const isRepeatable = (definition: PluginDefinition, verb: TargetVerb): boolean =>
  partsOf(definition, verb).repeatable === true;

/** Top fields of a configuration that the plugin takes for secrets. */
export const secretFieldsOf = (
  definition: PluginDefinition,
  config: Readonly<Record<string, unknown>>,
): string[] => {
  const parsed = definition.config.safeParse(config);
  if (!parsed.success) return [];
  return Object.entries(parsed.data)
    .filter(([, value]) => isSecret(value))
    .map(([field]) => field);
};
