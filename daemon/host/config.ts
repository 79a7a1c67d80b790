/**
 * Reads a remote's configuration with its plugin's schema. The messages name the field and the
 * expected form, and never show a value: any of them may be the secret that was mistyped.
 */
import type { PluginDefinition } from '../../sdk/plugin/define.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import { codes, pluginFault, unnamedFault } from './faults.ts';
import type { RemoteConfig } from './remote.ts';
import { type Scrubber, scrubberOf, secretsIn, textsIn } from './scrub.ts';

export interface ReadConfig {
  readonly config: Record<string, unknown>;
  readonly scrub: Scrubber;
}

/** Fields that the schema does not know: a plain zod object would drop a typo without a word. */
const unknownFields = (schema: PluginDefinition['config'], config: object): string[] => {
  if (schema.def?.catchall !== undefined) return [];
  const known = Object.keys(schema.shape);
  return Object.keys(config)
    .filter((name) => !known.includes(name))
    .map((name) => `config.${name}: no such field; expected ${known.join(', ') || 'none'}`);
};

const problemsOf = (schema: PluginDefinition['config'], remote: RemoteConfig) => {
  const read = schema.safeParse(remote.config);
  const problems = unknownFields(schema, remote.config);
  if (!read.success) {
    for (const issue of read.error.issues) {
      problems.push(`${['config', ...issue.path].join('.')}: ${issue.message}`);
    }
  }
  return { problems, data: read.data };
};

/** The instance that the plugin declares, for this configuration. */
export const instanceOf = (
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
  const hide = scrubberOf(textsIn(remote.config), '[hidden]');
  const refused = (problem: string) => ({
    fault: pluginFault(
      codes.pluginConfig,
      `${remote.kind} ${remote.id}, plugin ${remote.pluginId}: ${hide.text(problem)}`,
      "Correct the named fields in the daemon's configuration and restart it.",
    ),
  });
  try {
    const { problems, data } = problemsOf(definition.config, remote);
    if (problems.length > 0 || data === undefined) return refused(problems.join('; '));
    return { config: data, scrub: scrubberOf(secretsIn(data)) };
  } catch (error) {
    return refused(`the schema of its configuration failed: ${unnamedFault(error).message}`);
  }
};
