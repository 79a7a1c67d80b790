/**
 * The configuration of a private daemon. Without any wish it is two sites over the lab plugin's
 * simulated storage and compute; every part can be replaced.
 */

/** A plugin of the configuration: an id of your choice, and a module name or path. */
export interface PluginEntry {
  readonly id: string;
  readonly module: string;
}

/** An array or a compute of the configuration; `config` is what its plugin takes. */
export interface RemoteEntry {
  readonly id: string;
  readonly site: string;
  readonly plugin: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Arrays: shown as something else than they are, together with `peer`. */
  readonly present?: 'shared-as-stretched' | 'pair-as-stretched';
  readonly peer?: string;
}

/** What `siteswap daemon --config` reads, as far as tests change it. */
export interface DaemonConfig {
  /** The daemon's own site. */
  readonly site: string;
  readonly sites: readonly { readonly id: string; readonly name?: string }[];
  readonly plugins: readonly PluginEntry[];
  readonly arrays: readonly RemoteEntry[];
  readonly computes: readonly RemoteEntry[];
  /** A database with the journal; without it, a file in the state directory. */
  readonly journal?: { readonly postgres: string };
  /** Its name among the members that share a database. */
  readonly member?: string;
  /** Worker threads. */
  readonly workers?: number;
  /** Who sends this token may switch injections: `connect(address, { injectorToken })`. */
  readonly injector?: { readonly token: unknown };
  /** Failures made on purpose; see `docs/`. */
  readonly injections?: readonly Readonly<Record<string, unknown>>[];
}

/** What the lab's world consists of; the lab plugin's README names every option. */
export type LabWorld = Readonly<Record<string, unknown>> & {
  readonly groups?: number;
  readonly devicesPerGroup?: number;
  readonly vmsPerGroup?: number;
};

/** A world in a process of its own, such as `startLabWorld` of `@siteswap/plugin-lab/control`. */
export interface WorldHandle {
  readonly socket: string;
}

const sites = ['site-a', 'site-b'];

const lab = (id: string, site: string, world: unknown): RemoteEntry => ({
  id,
  site,
  plugin: 'lab',
  config: { world },
});

/**
 * Two sites, `site-a` and `site-b`, with the arrays `lab-a` and `lab-b` and the computes
 * `lab-compute-a` and `lab-compute-b`. An inline world lives in one worker thread, so there is one.
 */
export const labConfig = (seed: number, world: LabWorld | WorldHandle = {}): DaemonConfig => {
  const inline = !('socket' in world);
  const placed = inline ? { inline: 'lab', spec: { seed, ...world } } : { socket: world.socket };
  return {
    site: 'site-b',
    sites: sites.map((id) => ({ id, name: id })),
    plugins: [{ id: 'lab', module: '@siteswap/plugin-lab' }],
    arrays: [lab('lab-a', 'site-a', placed), lab('lab-b', 'site-b', placed)],
    computes: [lab('lab-compute-a', 'site-a', placed), lab('lab-compute-b', 'site-b', placed)],
    ...(inline && { workers: 1 }),
  };
};
