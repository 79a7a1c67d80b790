/** The verbs of a compute: each finds what it is about and leaves the work to the files beside. */
import type { PluginVerbs } from '@siteswap/sdk/plugin';
import { listDatastores, mountVerbs } from './mounts.ts';
import type { Session } from './session.ts';

export const computeVerbs = { listDatastores, ...mountVerbs } satisfies PluginVerbs<Session>;
