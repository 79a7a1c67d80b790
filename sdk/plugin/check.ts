/**
 * Checks a plugin's definition before anything of it is used. A plugin is written elsewhere, maybe
 * in plain JavaScript, maybe for another contract: its author reads these problems, so each names
 * the place and says what is expected there.
 */
import { contractVersion, type PluginDefinition } from './define.ts';
import { computeVerbs, isReading, listingVerbs, storageVerbs } from './verbs.ts';

/** What a plugin says of itself: plain data, for people and for the planner. */
export interface PluginDescription {
  readonly kind: 'describe';
  readonly name: string;
  readonly version: string;
  readonly contract: number;
  readonly verbs: readonly {
    readonly verb: string;
    readonly settles: boolean;
    readonly repeatable: boolean;
  }[];
  readonly properties: {
    readonly fences: boolean;
    readonly atomicGroups: boolean;
    readonly updateModes: readonly string[];
    readonly keepsRecoveryPoints: boolean;
    readonly stretched: boolean;
  };
}

/** A sound definition with what its author should know, or everything that is wrong with it. */
export type Checked =
  | { readonly definition: PluginDefinition; readonly notes: readonly string[] }
  | { readonly problems: readonly string[] };

const knownVerbs: ReadonlySet<string> = new Set([...storageVerbs, ...computeVerbs]);
const listing: ReadonlySet<string> = new Set(listingVerbs);
type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const isFunction = (value: unknown): boolean => typeof value === 'function';

/** Words for what was found, without showing it: a definition may hold anything. */
const kindOf = (value: unknown): string =>
  value === undefined ? 'nothing' : value === null ? 'null' : `a ${typeof value}`;

function* headProblems(plugin: Fields): Generator<string> {
  if (!isText(plugin.name)) yield `name: expected a text, found ${kindOf(plugin.name)}`;
  if (!isText(plugin.version)) yield `version: expected a text, found ${kindOf(plugin.version)}`;
  if (plugin.contract !== contractVersion) {
    yield typeof plugin.contract === 'number'
      ? `made for contract ${plugin.contract}, this daemon speaks ${contractVersion}: ` +
        'install a version of the plugin made for it'
      : `contract: expected the number ${contractVersion}, found ${kindOf(plugin.contract)}`;
  }
  const config = plugin.config;
  if (!isObject(config) || !isFunction(config.safeParse) || !isObject(config.shape)) {
    yield 'config: expected a zod object, such as z.object({ endpoint: text() })';
  }
  if (!isFunction(plugin.open)) {
    yield `open: expected a function that returns a session, found ${kindOf(plugin.open)}`;
  }
  for (const name of ['close', 'faultOf', 'operationStatus']) {
    if (plugin[name] !== undefined && !isFunction(plugin[name])) {
      yield `${name}: expected a function or nothing, found ${kindOf(plugin[name])}`;
    }
  }
  const instance = plugin.instance;
  if (![undefined, 'single', 'per-thread'].includes(instance as string) && !isFunction(instance)) {
    yield "instance: expected 'single', 'per-thread' or a function of the config";
  }
  if (plugin.properties !== undefined && !isObject(plugin.properties)) {
    yield `properties: expected an object or nothing, found ${kindOf(plugin.properties)}`;
  }
}

function* verbProblems(name: string, verb: unknown): Generator<string> {
  if (!knownVerbs.has(name)) {
    yield `verbs.${name}: no such verb in contract ${contractVersion}`;
    return;
  }
  if (isFunction(verb)) return;
  if (listing.has(name)) {
    yield `verbs.${name}: expected a function, found ${kindOf(verb)}`;
  } else if (!isObject(verb) || !isFunction(verb.run)) {
    yield `verbs.${name}: expected a function or { run, settle?, repeatable? }`;
  } else {
    if (verb.settle !== undefined && !isFunction(verb.settle)) {
      yield `verbs.${name}.settle: expected a function or nothing, found ${kindOf(verb.settle)}`;
    }
    if (verb.repeatable !== undefined && verb.repeatable !== true) {
      yield `verbs.${name}.repeatable: expected true or nothing`;
    }
  }
}

const offered = (verbs: Fields): [string, unknown][] =>
  Object.entries(verbs).filter(([, verb]) => verb !== undefined);

/** How a verb in doubt is resolved, as declared. */
const declared = (name: string, verb: unknown) => ({
  verb: name,
  settles: isObject(verb) && verb.settle !== undefined,
  repeatable: isReading(name) || (isObject(verb) && verb.repeatable === true),
});

function* notesOf(verbs: Fields): Generator<string> {
  for (const [name, verb] of offered(verbs)) {
    const { settles, repeatable } = declared(name, verb);
    if (settles || repeatable) continue;
    yield `verbs.${name}: neither settle nor repeatable, so a call in doubt is left to a person ` +
      'and the policy RERUN is refused for it';
  }
}

/** `value` is what the plugin's module exports by default. Never throws. */
export const checkDefinition = (value: unknown): Checked => {
  if (!isObject(value)) {
    return {
      problems: [`expected a default export made by definePlugin, found ${kindOf(value)}`],
    };
  }
  const problems = [...headProblems(value)];
  const verbs = value.verbs;
  if (!isObject(verbs)) {
    problems.push(`verbs: expected an object, found ${kindOf(verbs)}`);
    return { problems };
  }
  for (const [name, verb] of offered(verbs)) problems.push(...verbProblems(name, verb));
  if (offered(verbs).length === 0) problems.push('verbs: the plugin offers none');
  if (problems.length > 0) return { problems };
  return { definition: value as unknown as PluginDefinition, notes: [...notesOf(verbs)] };
};

/** What a sound definition says of itself. */
export const describe = (definition: PluginDefinition): PluginDescription => ({
  kind: 'describe',
  name: definition.name,
  version: definition.version,
  contract: definition.contract,
  verbs: offered(definition.verbs).map(([name, verb]) => declared(name, verb)),
  properties: {
    fences: definition.properties?.fences === true,
    atomicGroups: definition.properties?.atomicGroups === true,
    updateModes: [...(definition.properties?.updateModes ?? [])],
    keepsRecoveryPoints: definition.properties?.keepsRecoveryPoints === true,
    stretched: definition.properties?.stretched === true,
  },
});
