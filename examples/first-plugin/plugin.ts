/** Acme's arrays for Siteswap: the whole plugin. `acme.ts` is the library that Acme has anyway. */
import {
  type Answer,
  contractVersion,
  type Device,
  definePlugin,
  type Fault,
  type FaultKind,
  fault,
  type GroupTarget,
  secret,
  text,
  type VerbCall,
  z,
} from '@siteswap/sdk/plugin';
import { AcmeArray, AcmeError, type AcmeVolume } from './acme.ts';

const kinds: Readonly<Record<number, FaultKind>> = {
  401: 'refused',
  404: 'missing',
  409: 'conflict',
  503: 'unreachable',
};

/** The one place that knows Acme's error codes. What is not Acme's is not ours to name. */
const faultOf = (error: unknown): Fault | undefined =>
  error instanceof AcmeError
    ? fault(kinds[error.code] ?? 'unknown', error.message, { code: String(error.code) })
    : undefined;

const deviceOf = (storage: AcmeArray, volume: AcmeVolume): Device => ({
  id: volume.name,
  name: volume.name,
  sizeBytes: volume.bytes,
  direction: ({ primary: 'outgoing', secondary: 'incoming', standalone: 'none' } as const)[
    volume.role
  ],
  access: volume.writable ? 'read-write' : 'read-only',
  pairState: volume.role === 'standalone' ? 'failedover' : 'synchronized',
  peer: { arrayId: storage.peerName, deviceId: volume.name },
  groupId: volume.pool,
  updateMode: 'asynchronous',
});

type ChangingVerb = 'sync' | 'prepareFailover' | 'failover' | 'restoreReplication';
type Work<V extends ChangingVerb> = (
  call: VerbCall<AcmeArray, V>,
  group: GroupTarget,
  request: string,
) => void;

/** Acme's request id: what Siteswap promises to be the same for each retry of one operation. */
const requestOf = (key: string, group: GroupTarget): string => `${key}/${group.id}`;

/** One answer per group: a bad one never fails its neighbours, a repeated one changes nothing. */
const changing = <V extends ChangingVerb>(work: Work<V>) => ({
  repeatable: true as const,
  run: (call: VerbCall<AcmeArray, V>): readonly Answer[] =>
    (call.targets as readonly GroupTarget[]).map((group): Answer => {
      const { id } = group;
      const request = requestOf(call.key, group);
      try {
        if (!call.session.carriedOut(request)) work(call, group, request);
        return { id, ok: true };
      } catch (error) {
        return { id, fault: faultOf(error) ?? fault('unknown', String(error)) };
      }
    }),
  settle: ({ session, targets, key }: VerbCall<AcmeArray, V>) =>
    (targets as readonly GroupTarget[]).map((group) => ({
      id: group.id,
      verdict: session.carriedOut(requestOf(key, group)) ? ('done' as const) : ('absent' as const),
    })),
});

export default definePlugin({
  name: 'acme',
  version: '1.0.0',
  contract: contractVersion,
  config: z.strictObject({ endpoint: text(), token: secret() }),
  properties: { updateModes: ['asynchronous'] },
  open: ({ config }) => new AcmeArray(config.endpoint, config.token.reveal()),
  faultOf,
  verbs: {
    discoverDevices: ({ session, page }) => {
      const from = Number(page.token ?? 0);
      const next = from + page.sizeMax;
      const all = session.volumes().map((volume) => deviceOf(session, volume));
      return { items: all.slice(from, next), ...(next < all.length && { next: String(next) }) };
    },
    deviceStatus: ({ session, targets }) =>
      targets.map(({ id }) => {
        const value = session
          .volumes()
          .filter(({ pool }) => pool === id)
          .map((volume) => deviceOf(session, volume));
        return value.length > 0 ? { id, value } : { id, fault: fault('missing', `no pool ${id}`) };
      }),
    sync: changing(({ session }, { id }, request) => session.replicate(id, request)),
    prepareFailover: changing(({ session }, { id }, request) => session.freeze(id, request)),
    failover: changing(({ session, args }, { id }, request) =>
      session.takeOver(id, request, args.force),
    ),
    restoreReplication: changing(({ session, args }, { id, devices }, request) => {
      const role = args.to?.[devices[0] ?? ''] === 'incoming' ? 'secondary' : 'primary';
      session.setRole(id, request, role);
    }),
  },
});
