/** Two sites of the files plugin in a temporary directory, and a caller with key and deadline. */
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import plugin from '@siteswap/plugin-files';
import { moverIdle, stopVms } from '@siteswap/plugin-files/inspect';
import { type GroupSpec, provisionPair } from '@siteswap/plugin-files/provision';
import type {
  Answer,
  CallContext,
  GroupTarget,
  ListingVerb,
  Settlement,
  TargetVerb,
  TargetVerbs,
} from '@siteswap/sdk/plugin';
import { connect } from '@siteswap/sdk/plugin';

export const blockBytes = 4096;
const callMsMax = 60_000;

type Session = Awaited<ReturnType<typeof plugin.open>>;

/** One remote, as the daemon would call it. */
export class Remote {
  readonly session: Session;

  constructor(session: Session) {
    this.session = session;
  }

  context(key: string = randomUUID(), more: Partial<CallContext> = {}): CallContext {
    const signal = AbortSignal.timeout(callMsMax);
    return { key, attempt: 1, epoch: 1, signal, deadlineMs: Date.now() + callMsMax, ...more };
  }

  async call<V extends TargetVerb>(
    verb: V,
    target: TargetVerbs[V]['target'],
    args: TargetVerbs[V]['args'] = {},
    context: CallContext = this.context(),
  ): Promise<TargetVerbs[V]['answer']> {
    const offered = plugin.verbs[verb] as unknown;
    const run = typeof offered === 'function' ? offered : (offered as { run: unknown }).run;
    const call = { ...context, session: this.session, targets: [target], args };
    const answers = await (run as (given: typeof call) => Promise<TargetVerbs[V]['answer'][]>)(
      call,
    );
    return answers[0] as TargetVerbs[V]['answer'];
  }

  async settle<V extends TargetVerb>(
    verb: V,
    target: TargetVerbs[V]['target'],
    context: CallContext,
  ): Promise<Settlement> {
    const { settle } = plugin.verbs[verb] as unknown as {
      settle: (given: object) => Promise<Settlement[]>;
    };
    const call = { ...context, session: this.session, targets: [target], args: {} };
    return (await settle(call))[0] as Settlement;
  }

  /** Polls until an accepted operation has ended. */
  async finish(verb: TargetVerb, answer: Answer): Promise<Answer> {
    if (!('accepted' in answer)) return answer;
    const { id, accepted } = answer;
    for (;;) {
      const call = { ...this.context(), session: this.session, verb };
      const targets = [{ id, operation: accepted.operation }];
      const [status] = (await plugin.operationStatus?.({ ...call, targets })) ?? [];
      if (status?.state === 'done') return { id, ok: true, evidence: status.evidence ?? {} };
      if (status?.state === 'failed') return { id, fault: status.fault };
      await sleep(20);
    }
  }

  async done<V extends TargetVerb>(
    verb: V,
    target: TargetVerbs[V]['target'],
    args: TargetVerbs[V]['args'] = {},
    context: CallContext = this.context(),
  ): Promise<Answer> {
    return this.finish(verb, (await this.call(verb, target, args, context)) as Answer);
  }

  async list<V extends ListingVerb>(verb: V, sizeMax = 1000) {
    const listing = plugin.verbs[verb] as (given: object) => Promise<{ items: never[] }>;
    const call = { ...this.context(), session: this.session };
    return (await listing({ ...call, page: { sizeMax } })).items;
  }
}

/** Pids of the movers of an array, from their command lines. */
export const moversOf = (directory: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return args.includes(directory) && args.some((arg) => /mover\.[jt]s$/.test(arg));
      } catch {
        return false;
      }
    })
    .map(Number);

/** Where the bytes of a device of the group `g1` are. */
export const imageOf = (directory: string, deviceId: string): string =>
  join(directory, 'groups', 'g1', 'devices', `${deviceId}.img`);

/** Changes blocks of a device behind its catalog, as a host would. */
export const scribble = async (
  directory: string,
  deviceId: string,
  blocks: number,
): Promise<void> => {
  const image = await open(imageOf(directory, deviceId), 'r+');
  await image.write(randomBytes(blocks * blockBytes), 0, blocks * blockBytes, 256 * 1024);
  await image.close();
};

/** Polls until something holds; a test that waits in vain fails by its own time-out. */
export const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await holds())) await sleep(5);
};

/** Every file under a directory with its times: equal before and after means untouched. */
export const fingerprintOf = async (directory: string): Promise<string> => {
  const names = await readdir(directory, { recursive: true });
  const lines = names.sort().map((name) => {
    const { ino, size, mtimeMs, ctimeMs } = statSync(join(directory, name));
    return `${name} ${ino} ${size} ${mtimeMs} ${ctimeMs}`;
  });
  return lines.join('\n');
};

/** Kind of the fault, or `ok`. */
export const wordOf = (answer: object): string => {
  if ('fault' in answer) return (answer as { fault: { kind: string } }).fault.kind;
  return 'accepted' in answer ? 'accepted' : 'ok';
};

export const evidenceOf = (answer: Answer): Readonly<Record<string, unknown>> =>
  'ok' in answer ? (answer.evidence ?? {}) : {};

export interface Sites {
  readonly root: string;
  readonly directory: { readonly a: string; readonly b: string };
  readonly compute: { readonly a: string; readonly b: string };
  /** Arrays and computes of both sites. */
  readonly a: Remote;
  readonly b: Remote;
  readonly computeA: Remote;
  readonly computeB: Remote;
  readonly open: (id: string, config: object) => Promise<Remote>;
  readonly close: () => Promise<void>;
}

export const oneGroup: readonly GroupSpec[] = [
  {
    id: 'g1',
    devices: [
      { id: 'd1', peerId: 'r1', sizeBytes: 512 * 1024 },
      { id: 'd2', peerId: 'r2', sizeBytes: 512 * 1024 },
    ],
    vms: [{ id: 'vm1', devices: ['d1', 'd2'] }],
  },
];

/** The group of `oneGroup`, as each array knows it. */
export const g1: { readonly a: GroupTarget; readonly b: GroupTarget } = {
  a: { id: 'g1', devices: ['d1', 'd2'] },
  b: { id: 'g1', devices: ['r1', 'r2'] },
};

const openRemote = async (id: string, config: object): Promise<Remote> => {
  const context = { siteId: id, remoteId: id, signal: new AbortController().signal, connect };
  return new Remote(await plugin.open({ ...context, config: plugin.config.parse(config) }));
};

/** `siteIds`: as a daemon's configuration names the two sites; default: as the arrays. */
export const makeSites = async (
  groups: readonly GroupSpec[] = oneGroup,
  bytesPerSecondMax?: number,
  siteIds: { readonly a: string; readonly b: string } = { a: 'a', b: 'b' },
): Promise<Sites> => {
  const root = await mkdtemp(join(tmpdir(), 'siteswap-files-'));
  const at = (name: string): string => join(root, name);
  const directory = { a: at('a'), b: at('b') };
  const compute = { a: at('compute-a'), b: at('compute-b') };
  const limit = bytesPerSecondMax === undefined ? {} : { bytesPerSecondMax };
  await provisionPair({
    source: {
      id: 'a',
      siteId: siteIds.a,
      directory: directory.a,
      computeDirectory: compute.a,
      ...limit,
    },
    target: {
      id: 'b',
      siteId: siteIds.b,
      directory: directory.b,
      computeDirectory: compute.b,
    },
    groups,
  });
  const heartbeatMs = 5;
  return {
    root,
    directory,
    compute,
    a: await openRemote('a', { directory: directory.a, peers: { b: directory.b } }),
    b: await openRemote('b', { directory: directory.b, peers: { a: directory.a } }),
    computeA: await openRemote('ca', {
      directory: compute.a,
      arrays: { a: directory.a },
      computes: { cb: { directory: compute.b, arrays: { b: directory.b } } },
      heartbeatMs,
    }),
    computeB: await openRemote('cb', {
      directory: compute.b,
      arrays: { b: directory.b },
      computes: { ca: { directory: compute.a, arrays: { a: directory.a } } },
      heartbeatMs,
    }),
    open: openRemote,
    close: async () => {
      for (const one of [compute.a, compute.b]) await stopVms(one);
      for (const one of [directory.a, directory.b]) await moverIdle(one).catch(() => false);
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
};
