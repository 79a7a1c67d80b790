/** The faults that a pool answers with by itself, when no answer came out of a thread. */
import type { Fault } from '../../sdk/plugin/fault.ts';
import { badAnswer, codes, withMoreHint } from '../host/faults.ts';
import type { JobFault } from './pool.ts';

const jobFault = (fault: Fault): JobFault => ({ kind: 'fault', fault });

/** The thread ended, and the plugin called did not do it. */
export const workerLostCode = 'WORKER_LOST';

/** The thread ended by somebody else's doing: what its calls came to is in doubt. */
export const workerLost = (why: string): JobFault =>
  jobFault({
    kind: 'unknown',
    owner: 'engine',
    message: `the worker thread ended with the call under way: ${why}`,
    code: workerLostCode,
  });

/** The fault of a plugin as a whole, with the place of its entry in the configuration. */
export const atEntry = (fault: Fault, place: string | undefined): Fault =>
  place === undefined ? fault : withMoreHint(fault, `It is configured as ${place}.`);

/** A module that waits at import holds up nobody but its own remotes. */
const loadsForEver =
  'Its module waits for something while it is imported: nothing at its top level may. ' +
  "Give this to the plugin's vendor; what stands on other plugins goes on.";

/** The plugin is still loading when its asker has waited long enough. */
export const loadOverdue = (pluginId: string, waitedMs: number): Fault => ({
  kind: 'timeout',
  owner: 'plugin',
  message: `plugin ${pluginId} did not load within ${waitedMs} ms`,
  code: codes.deadline,
  hint: loadsForEver,
});

/** The same, found in its thread. */
export const neverLoaded = (pluginId: string, waitedMs: number): Fault => ({
  ...badAnswer(`plugin ${pluginId} did not load within ${waitedMs} ms`),
  hint: loadsForEver,
});

/** The plugin itself ended its thread: what its calls came to is in doubt. */
export const pluginCrashed = (pluginId: string, how: string): JobFault =>
  jobFault({
    kind: 'unknown',
    owner: 'plugin',
    message: `plugin ${pluginId} ${how}`,
    code: 'PLUGIN_CRASHED',
    hint: "Give this to the plugin's vendor; other plugins go on.",
  });

/** Not called, because it ended a thread a short while ago. */
export const pluginBlocked = (why: string): Fault => ({
  kind: 'unreachable',
  owner: 'plugin',
  message: why,
  code: 'PLUGIN_BLOCKED',
  hint: "Give this to the plugin's vendor; it is tried again by itself.",
});

export const poolFull = (jobsMax: number): JobFault =>
  jobFault({
    kind: 'busy',
    owner: 'queue',
    message: `${jobsMax} jobs are under way or waiting already`,
    code: 'QUEUE_FULL',
  });

export const poolClosed: JobFault = jobFault({
  kind: 'unknown',
  owner: 'engine',
  message: 'the pool is closing',
  code: 'POOL_CLOSED',
});

/** Nothing came back from the thread, not even the word that the deadline passed. */
export const overdue = (about: string): JobFault =>
  jobFault({
    kind: 'timeout',
    owner: 'plugin',
    message: `no answer for ${about} by its deadline`,
    code: codes.deadline,
  });

export const unknownRemote = (remoteId: string): JobFault =>
  jobFault({
    kind: 'missing',
    owner: 'engine',
    message: `no array or compute is configured as ${remoteId}`,
    code: 'REMOTE_NOT_FOUND',
  });
