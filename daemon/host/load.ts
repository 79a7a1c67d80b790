/**
 * Finds, imports and checks a plugin. Importing runs the plugin's code: only worker threads and the
 * inline pool of tests come here.
 */
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { checkDefinition } from '../../sdk/plugin/check.ts';
import type { PluginDefinition } from '../../sdk/plugin/define.ts';
import type { Fault } from '../../sdk/plugin/fault.ts';
import { codes, pluginFault, unnamedFault } from './faults.ts';

export type Loaded = { readonly definition: PluginDefinition } | { readonly fault: Fault };

/** A file URL, a path (from `baseDir`), or a package: of `baseDir` first, then of the daemon. */
const locate = (module: string, baseDir: string): string => {
  if (module.startsWith('file:')) return module;
  if (/^\.{0,2}[/\\]/.test(module)) return pathToFileURL(resolve(baseDir, module)).href;
  try {
    return pathToFileURL(createRequire(join(baseDir, '_.js')).resolve(module)).href;
  } catch {
    return module;
  }
};

/** Checks what a module exports; `named` is how messages call the plugin. */
export const checkLoaded = (named: string, value: unknown): Loaded => {
  try {
    const checked = checkDefinition(value);
    if ('definition' in checked) return checked;
    return {
      fault: pluginFault(
        codes.pluginLoad,
        `plugin ${named}: ${checked.problems.join('; ')}`,
        "Install a version of the plugin for this daemon, or give this to the plugin's vendor.",
      ),
    };
  } catch (error) {
    return { fault: loadFault(named, error) };
  }
};

const loadFault = (named: string, error: unknown): Fault =>
  pluginFault(
    codes.pluginLoad,
    `plugin ${named} does not load: ${unnamedFault(error).message}`,
    'Check the module in the plugins section of the configuration, and that it is installed.',
  );

export const loadPlugin = async (
  pluginId: string,
  module: string,
  baseDir: string,
): Promise<Loaded> => {
  const named = `${pluginId} (${module})`;
  try {
    const loaded = (await import(locate(module, baseDir))) as { readonly default?: unknown };
    return checkLoaded(named, loaded.default);
  } catch (error) {
    return { fault: loadFault(named, error) };
  }
};
