/** The verbs of an array: each finds its group and leaves the rules to the files beside. */
import type { PluginVerbs } from '@siteswap/sdk/plugin';
import type { Session } from './session.ts';

export const arrayVerbs = {} satisfies PluginVerbs<Session>;
