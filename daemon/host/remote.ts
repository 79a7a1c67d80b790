/** What the host is told of a remote, and how it is told that plugin code runs. */

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
}

/**
 * Knows whose code runs: every entry into plugin code goes through it, so that a thread that dies
 * or no longer answers can name the plugin that did it.
 */
export interface Watch {
  /** Runs `body`, a call of plugin `pluginId`; its answer or throw is passed on. */
  call<T>(pluginId: string, body: () => T | Promise<T>): Promise<T>;
}

/** For pools that share the caller's thread: nothing to tell apart. */
export const unwatched: Watch = { call: async (_pluginId, body) => body() };
