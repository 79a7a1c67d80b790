/** Arrays behind plugins that misbehave, beside the lab's sound ones, in one daemon. */
import { fileURLToPath } from 'node:url';
import type { DaemonConfig, PluginEntry, RemoteEntry } from '../../sdk/testing/index.ts';

const fileOf = (name: string) => fileURLToPath(new URL(`./plugins/${name}.js`, import.meta.url));

export interface Misdeed {
  /** Id of the plugin and of its one array. */
  readonly id: string;
  /** A module of `plugins`; default: `hostile`. */
  readonly module?: string;
  readonly deed?: string;
  readonly at?: string;
}

/** What a daemon's configuration gets beside its own plugins and arrays. */
export const hostileParts = (
  socket: string,
  misdeeds: readonly Misdeed[],
): Pick<DaemonConfig, 'plugins' | 'arrays'> => ({
  plugins: misdeeds.map(
    ({ id, module = 'hostile' }): PluginEntry => ({ id, module: fileOf(module) }),
  ),
  arrays: misdeeds.map(
    ({ id, deed, at }): RemoteEntry => ({
      id,
      site: 'site-a',
      plugin: id,
      config: { socket, deed, at },
    }),
  ),
});
