/**
 * Reads a remote's configuration with its plugin's schema. The messages name the field and the
 * expected form, and never show a value: any of them may be the secret that was mistyped.
 */
import type { PluginDefinition } from '../../sdk/plugin/define.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import {
  flattened,
  foundKind,
  type Issue,
  pathText,
  type Told,
  toldOf,
} from '../../sdk/yaml/issues.ts';
import { codes, pluginFault, unnamedFault } from './faults.ts';
import type { RemoteConfig } from './remote.ts';
import { type Scrubber, scrubberOf, secretsIn, textsIn } from './scrub.ts';

export interface ReadConfig {
  readonly config: Record<string, unknown>;
  readonly scrub: Scrubber;
}

type ConfigSchema = PluginDefinition['config'];

/** Fields that the schema does not know: a plain zod object would drop a typo without a word. */
const unknownFields = (schema: ConfigSchema, config: object): Issue[] => {
  if (schema.def?.catchall !== undefined) return [];
  const known = Object.keys(schema.shape);
  const keys = Object.keys(config).filter((name) => !known.includes(name));
  const input = config as Record<string, unknown>;
  return keys.length === 0
    ? []
    : [{ code: 'unrecognized_keys', keys, path: [], message: `no such field: ${keys}`, input }];
};

/** Where a path of the configuration stands in the file, or the nearest thing around it. */
const placeOf = ({ written }: RemoteConfig, path: readonly PropertyKey[]): string => {
  if (written === undefined) return pathText(path);
  const { entry, places } = written;
  for (let length = path.length; ; length--) {
    const place = places[pathText(path.slice(0, length))];
    if (place !== undefined) return `${place}: ${entry}.${pathText(path)}`;
    if (length === 0) return `${entry}.${pathText(path)}`;
  }
};

/** A plugin may carry a zod of its own, of a kind that we cannot look into. */
const toldIn = (issue: Issue, schema: ConfigSchema, { config }: RemoteConfig): readonly Told[] =>
  '_zod' in schema
    ? flattened(issue).flatMap((one) => toldOf(one, { schema, root: config, say: foundKind }))
    : [{ path: issue.path, message: issue.message, expected: '' }];

/** Only words of the schema may stand in `expected` and `suggestion`. */
const wordsFor = (issue: Issue, schema: ConfigSchema, remote: RemoteConfig, hide: Hide) =>
  toldIn(issue, schema, remote).map(({ path, key, message, expected, suggestion }) => {
    const at = placeOf(remote, ['config', ...path, ...(key === undefined ? [] : [key])]);
    const more = [
      ...(suggestion === undefined ? [] : [`did you mean ${JSON.stringify(suggestion)}?`]),
      ...(expected === '' ? [] : [`expected ${expected}`]),
    ];
    const words = key === undefined ? hide(message) : message;
    return `${at}: ${words}${more.length === 0 ? '' : ` (${more.join(' ')})`}`;
  });

type Hide = (text: string) => string;

const problemsOf = (schema: ConfigSchema, remote: RemoteConfig, hide: Hide) => {
  const { data, error } = schema.safeParse(remote.config);
  const issues = [...unknownFields(schema, remote.config), ...(error?.issues ?? [])];
  return { data, problems: issues.flatMap((issue) => wordsFor(issue, schema, remote, hide)) };
};

/** The instance that the plugin declares, for this configuration. */
const instanceOf = (
  definition: PluginDefinition,
  config: Record<string, unknown>,
): 'single' | 'per-thread' => {
  const declared = definition.instance;
  const instance = typeof declared === 'function' ? declared(config) : declared;
  return instance === 'single' ? 'single' : 'per-thread';
};

export const readConfig = (
  definition: PluginDefinition,
  remote: RemoteConfig,
): ReadConfig | { readonly fault: Fault } => {
  const named = `${remote.kind} ${remote.id}`;
  const { text: hide } = scrubberOf(textsIn(remote.config), '[hidden]');
  const refused = (problem: string) => ({
    fault: pluginFault(
      codes.pluginConfig,
      `${named} is not configured as plugin ${remote.pluginId} wants: ${problem}`,
      "Correct the named fields in the daemon's configuration and restart it.",
    ),
  });
  try {
    const { problems, data } = problemsOf(definition.config, remote, hide);
    if (problems.length > 0 || data === undefined) return refused(problems.join('; '));
    return { config: data, scrub: scrubberOf(secretsIn(data)) };
  } catch (error) {
    return refused(`its schema failed: ${hide(unnamedFault(error).message)}`);
  }
};

/** What a plugin's schema says of the configuration of each of its remotes. */
export interface ConfigsRead {
  /** Ids of remotes that want the whole daemon's only instance. */
  readonly singles: readonly string[];
  /** Remote id → what is wrong. */
  readonly misconfigured: Readonly<Record<string, Fault>>;
}

export const readConfigs = (
  definition: PluginDefinition,
  remotes: readonly RemoteConfig[],
): ConfigsRead => {
  const singles: string[] = [];
  const misconfigured: Record<string, Fault> = {};
  for (const remote of remotes) {
    const read = readConfig(definition, remote);
    if ('fault' in read) misconfigured[remote.id] = read.fault;
    else if (instanceOf(definition, read.config) === 'single') singles.push(remote.id);
  }
  return { singles, misconfigured };
};
