/**
 * The lab: storage and compute that are simulated, for scale, for simulation and for breaking.
 *
 * A session only carries calls to its world, which stands in this thread or in a process of its
 * own; whatever the number of threads, the world is one. See README.md.
 */
import {
  type Answer,
  contractVersion,
  definePlugin,
  FaultError,
  fault,
  type ListingVerb,
  type OpenContext,
  type OperationStatus,
  type Page,
  type PluginVerbs,
  type Settlement,
  type TargetVerb,
  text,
  type VerbCall,
  z,
} from '@siteswap/sdk/plugin';
import { socketPort } from './client.ts';
import { inlineLabOnce } from './inline.ts';
import { inlinePort, type Port } from './port.ts';
import { labOptions } from './spec.ts';
import { realTime, type Time } from './time.ts';
import { offered } from './verbs.ts';

/** Where the world is. */
const config = z.strictObject({
  world: z.union([
    /** In this thread, by name; `spec` makes it if it is not there yet. */
    z.strictObject({ inline: text(), spec: labOptions.optional() }),
    /** In a process of its own, on a unix socket. */
    z.strictObject({ socket: text() }),
  ]),
});

export interface LabSession {
  readonly remoteId: string;
  readonly port: Port;
}

type Context = OpenContext<z.infer<typeof config>>;

const open = async (
  { config, remoteId, signal, connect }: Context,
  time: Time,
): Promise<LabSession> => {
  const { world } = config;
  const port =
    'socket' in world
      ? socketPort(world.socket, connect)
      : inlinePort(inlineLabOnce(world.inline, world.spec, time));
  const asked = { kind: 'command', name: 'remotes', args: [] } as const;
  const known = (await port.send(asked, signal)) as readonly string[];
  if (known.includes(remoteId)) return { remoteId, port };
  port.close();
  const hint = `It has ${known.join(', ')}.`;
  throw new FaultError(fault('missing', `the lab's world has no ${remoteId}`, { hint }));
};

const use = <A>(call: VerbCall<LabSession, TargetVerb>, verb: TargetVerb): A => {
  const { session, key, epoch, targets, args, signal } = call;
  const { remoteId, port } = session;
  return port.send({ kind: 'verb', remoteId, verb, key, epoch, targets, args }, signal) as A;
};

const settle = (call: VerbCall<LabSession, TargetVerb>, verb: TargetVerb) => {
  const { session, key, epoch, targets, signal } = call;
  const { remoteId, port } = session;
  const request = { kind: 'settle', remoteId, verb, key, epoch, targets } as const;
  return port.send(request, signal) as readonly Settlement[];
};

/** Every verb is the same few lines here: what it means is the world's. */
const verbs = Object.fromEntries([
  ...offered.reading.map((verb) => [
    verb,
    (call: VerbCall<LabSession, TargetVerb>) => use(call, verb),
  ]),
  ...offered.changing.map((verb) => [
    verb,
    {
      run: (call: VerbCall<LabSession, TargetVerb>) => use<readonly Answer[]>(call, verb),
      repeatable: true,
      settle: (call: VerbCall<LabSession, TargetVerb>) => settle(call, verb),
    },
  ]),
]) as PluginVerbs<LabSession>;

const listing =
  (verb: ListingVerb) =>
  <I>(call: {
    session: LabSession;
    page: { token?: string; sizeMax: number };
    signal: AbortSignal;
  }) => {
    const { remoteId, port } = call.session;
    return port.send({ kind: 'list', remoteId, verb, page: call.page }, call.signal) as Page<I>;
  };

/** The plugin, with worlds of this thread living by `time`. */
export const createLabPlugin = (time: Time = realTime) =>
  definePlugin({
    name: 'lab',
    version: '0.1.0',
    contract: contractVersion,
    config,
    properties: {
      fences: true,
      atomicGroups: true,
      updateModes: ['synchronous', 'asynchronous', 'active'],
      keepsRecoveryPoints: true,
      stretched: true,
    },
    instance: ({ world }) => ('inline' in world ? 'single' : 'per-thread'),
    open: (context) => open(context, time),
    close: ({ port }) => port.close(),
    operationStatus: ({ session, targets, signal }) => {
      const { remoteId, port } = session;
      return port.send({ kind: 'poll', remoteId, targets }, signal) as readonly OperationStatus[];
    },
    verbs: {
      ...verbs,
      discoverArrays: listing('discoverArrays'),
      discoverDevices: listing('discoverDevices'),
      listVms: listing('listVms'),
      listDatastores: listing('listDatastores'),
    },
  });

export default createLabPlugin();
