/** Claims about faults: each is named by its right kind, and none of them gives a secret away. */
import {
  computeVerbs,
  FaultError,
  listingVerbs,
  storageVerbs,
  type TargetVerb,
} from '../../plugin/index.ts';
import { type ClaimDefinition, looking } from '../claim.ts';
import { mustFault, unknownId } from '../expect.ts';
import { claim, show } from '../failure.ts';
import { secretFieldsOf } from '../plugin.ts';
import { freshKey, type Remote } from '../remote.ts';
import { Session, type Target } from '../session.ts';
import { sides, type World } from '../world.ts';

const isListing = (verb: string): boolean => (listingVerbs as readonly string[]).includes(verb);

const targetVerbsOf = (all: readonly string[]): readonly TargetVerb[] =>
  all.filter((verb) => !isListing(verb)) as readonly TargetVerb[];

/** Arguments that are right for any verb that takes some. */
const argsOf = (world: World): object => ({
  force: false,
  name: 'conformance',
  changes: 'discard',
  end: 'to',
  siteId: world.fixture.arrays?.target.siteId ?? unknownId,
  toComputeId: world.fixture.computes?.target.id ?? unknownId,
});

const onFiles: ReadonlySet<TargetVerb> = new Set([
  'readFile',
  'writeFile',
  'listFiles',
  'removeFile',
]);
const onMoves: ReadonlySet<TargetVerb> = new Set(['mirrorDisks', 'cutOver', 'removeDisks']);

/** One that every verb of the kind takes for a target. */
const unknownOf = (verb: TargetVerb): Target => {
  const device = { arrayId: unknownId, deviceId: unknownId };
  if ((storageVerbs as readonly string[]).includes(verb)) {
    return { id: unknownId, devices: [unknownId] } as Target;
  }
  if (verb === 'mount' || verb === 'unmount') {
    return { id: unknownId, instance: 'production', devices: [device] } as Target;
  }
  if (onFiles.has(verb)) {
    return { id: unknownId, datastoreId: unknownId, path: 'x', content: 'x' } as Target;
  }
  if (onMoves.has(verb)) {
    const ends = { fromDatastoreId: unknownId, toDatastoreId: `${unknownId}-2` };
    return { id: unknownId, instance: 'production', migrationId: 'm', ...ends } as Target;
  }
  return { id: unknownId, instance: 'production', datastoreIds: [unknownId] } as Target;
};

const namesMissing = (kind: 'array' | 'compute', verb: TargetVerb): ClaimDefinition =>
  looking(
    `names its faults: ${verb} of an unknown target → missing`,
    [{ fixture: `${kind}s` }, { verb }],
    async (world) => {
      for (const side of sides) {
        const targets = [unknownOf(verb)];
        const [ended] = await world.remote(kind, side).call(verb, targets, { args: argsOf(world) });
        mustFault(`${verb} of an unknown target at the ${side}`, ended, ['missing']);
      }
    },
  );

const answersNobody = (kind: 'array' | 'compute', verb: TargetVerb): ClaimDefinition =>
  looking(
    `answers one for one: ${verb} of no target → no answer`,
    [{ fixture: `${kind}s` }, { verb }],
    async (world) => {
      await world.remote(kind, 'source').call(verb, [], { args: argsOf(world) });
    },
  );

const bothKinds = (
  make: (kind: 'array' | 'compute', verb: TargetVerb) => ClaimDefinition,
): readonly ClaimDefinition[] => [
  ...targetVerbsOf(storageVerbs).map((verb) => make('array', verb)),
  ...targetVerbsOf(computeVerbs).map((verb) => make('compute', verb)),
];

const unknownOperation: ClaimDefinition = looking(
  'names its faults: operationStatus of an unknown operation → failed, missing',
  [{ operationStatus: true }],
  async (world) => {
    const kind = world.fixture.arrays ? 'array' : 'compute';
    const session = await world.remote(kind, 'source').session();
    const key = freshKey('sync');
    const operations = [{ id: unknownId, operation: unknownId }];
    const [status] = await session.poll('sync', operations, key);
    claim(
      status?.state === 'failed' && status.fault.kind === 'missing',
      `operationStatus of an unknown operation said ${show(status)}`,
    );
  },
);

/** The fault of trying to use the remote at all. */
const faultOfUse = async (remote: Remote, kind: 'array' | 'compute') => {
  try {
    const verb = kind === 'array' ? 'discoverDevices' : 'listVms';
    await (await remote.session()).list(verb, { sizeMax: 1 });
    return undefined;
  } catch (error) {
    if (error instanceof FaultError) return error.fault;
    throw error;
  }
};

const unreachable = (kind: 'array' | 'compute'): ClaimDefinition =>
  looking(
    `names its faults: ${kind} out of reach → unreachable or timeout, then well again`,
    [
      { fixture: `${kind}s` },
      { hook: 'unreachable' },
      { verb: kind === 'array' ? 'discoverDevices' : 'listVms' },
    ],
    async (world) => {
      const remote = world.remote(kind, 'source');
      await remote.session();
      const cut = world.fixture.hooks?.unreachable;
      await cut?.(remote.fixture.id, true);
      try {
        for (const when of ['in an open session', 'in a new session']) {
          const fault = await faultOfUse(remote, kind);
          const named = fault?.kind === 'unreachable' || fault?.kind === 'timeout';
          claim(named, `${kind} out of reach, ${when}: ${show(fault ?? 'no fault')}`);
          await remote.forgetSession();
        }
      } finally {
        await cut?.(remote.fixture.id, false);
      }
      claim((await faultOfUse(remote, kind)) === undefined, `${kind} back, still a fault`);
    },
  );

/** A wrong secret is refused, or not looked at: either way nothing says it. */
const wrongSecret: ClaimDefinition = looking(
  'secrets never appear: a wrong secret → not in any fault',
  [{ secret: true }],
  async (world) => {
    for (const [kind, remotes] of [
      ['array', world.fixture.arrays],
      ['compute', world.fixture.computes],
    ] as const) {
      if (remotes === undefined) continue;
      const config = { ...remotes.source.config };
      for (const field of secretFieldsOf(world.definition, config))
        config[field] = 'canary-of-conformance';
      const fixture = { ...remotes.source, config };
      try {
        const session = await Session.open(world.definition, fixture, world.bounds);
        const verb = kind === 'array' ? 'discoverDevices' : 'listVms';
        if (world.offers(verb)) await session.list(verb, { sizeMax: 1 });
        await session.close();
      } catch (error) {
        if (!(error instanceof FaultError)) throw error;
      }
    }
  },
);

export const faultClaims: readonly ClaimDefinition[] = [
  ...bothKinds(namesMissing),
  ...bothKinds(answersNobody),
  unknownOperation,
  unreachable('array'),
  unreachable('compute'),
  wrongSecret,
];
