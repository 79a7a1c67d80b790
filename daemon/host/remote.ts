/** What the host is told of a remote. */

import type { Present } from '../core/presentation.ts';

/** Where an entry stands in the daemon's file, for messages to say so. */
export interface Written {
  /** The entry, such as `arrays[2]`. */
  readonly entry: string;
  /** Path in the entry (`config.endpoint`; '' is the entry itself) → `FILE:LINE:COLUMN`. */
  readonly places: Readonly<Record<string, string>>;
}

/** Where a session is opened: a remote with its plugin, as configured. */
export interface RemoteConfig {
  readonly id: string;
  readonly kind: 'array' | 'compute';
  readonly siteId: string;
  readonly pluginId: string;
  /** Module specifier or file URL of the plugin. */
  readonly module: string;
  /** The plugin's own configuration, secrets in clear: stays in memory, goes only to threads. */
  readonly config: Readonly<Record<string, unknown>>;
  /** An array that is shown as something else than it is, together with another one. */
  readonly present?: Present;
  /** Absent: it was read from no file. */
  readonly written?: Written;
}
