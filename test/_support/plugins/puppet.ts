/**
 * A plugin that does what its targets' ids say, so that a test reads as its own script: `ok-1`
 * succeeds, `loop-1` never comes back. Every entry into it is a line in the file `log`: what really
 * arrived, whichever thread it was in.
 */
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Answer,
  definePlugin,
  FaultError,
  fault,
  type Settlement,
  secret,
  text,
  z,
} from '@siteswap/sdk/plugin';

const forever = (): never => {
  for (;;);
};

interface Session {
  readonly log: string;
  readonly token: string;
  readonly remoteId: string;
}

interface Call {
  readonly session: Session;
  readonly targets: readonly { readonly id: string }[];
  readonly key: string;
  readonly signal: AbortSignal;
}

const write = (session: Session, line: string): void =>
  appendFileSync(session.log, `${session.remoteId} ${line}\n`);

const answer = async (call: Call, id: string): Promise<unknown> => {
  const { token } = call.session;
  switch (id.split('-')[0]) {
    case 'ok':
      return { id, ok: true };
    case 'evidence':
      return { id, ok: true, evidence: { recoveryPoint: `rp of ${id}`, said: token } };
    case 'refuse':
      return { id, fault: fault('refused', 'the array said no', { code: 'E42' }) };
    case 'busy':
      return { id, fault: fault('busy', 'later') };
    case 'secret':
      return { id, fault: fault('refused', `bad ${token}`, { code: token, hint: `is ${token}?` }) };
    case 'accept':
      return { id, accepted: { operation: `op of ${id}` } };
    case 'silent':
      return undefined;
    case 'malformed':
      return { id, fault: { kind: 'catastrophe', owner: 'array', message: 'no such kind' } };
    case 'stranger':
      return { id: 'somebody-else', ok: true };
    case 'function':
      return { id, ok: true, evidence: { of: () => 'no plain data' } };
    case 'throw':
      throw new Error(`the request with ${token} failed`);
    case 'throwfault':
      throw new FaultError(fault('conflict', `wrong state for ${token}`));
    case 'vendor':
      throw Object.assign(new Error('vendor says 17'), { vendor: 17 });
    case 'hang':
      return new Promise(() => {});
    case 'late':
      await new Promise((wake) => call.signal.addEventListener('abort', wake));
      return { id, ok: true };
    case 'slow':
      await sleep(200);
      return { id, ok: true };
    case 'loop':
      return forever();
    case 'lateloop':
      await sleep(5);
      return forever();
    case 'exit':
      return process.exit(3);
    case 'lateexit':
      await sleep(5);
      return process.exit(3);
    case 'reject':
      Promise.reject(new Error(`nobody listens to ${token}`));
      return new Promise(() => {});
    case 'memory': {
      const hoard: number[][] = [];
      for (;;) hoard.push(new Array(100_000).fill(1));
    }
  }
  throw new Error(`no script for ${id}`);
};

const act = async (verb: string, call: Call): Promise<readonly Answer[]> => {
  write(call.session, `${verb} ${call.targets.map(({ id }) => id).join(',')} ${call.key}`);
  if (call.targets.some(({ id }) => id.startsWith('list'))) return 'nonsense' as never;
  const answers = await Promise.all(call.targets.map(({ id }) => answer(call, id)));
  return answers.filter((one) => one !== undefined) as Answer[];
};

/** Settlement by id: `done-1`, `absent-1`, `running-1`, others unknowable. */
const settle = ({ session, targets }: Call): Settlement[] => {
  write(session, `settle ${targets.map(({ id }) => id).join(',')}`);
  return targets.map(({ id }) => {
    const verdict = id.split('-')[1];
    return verdict === 'done' || verdict === 'absent' || verdict === 'running'
      ? { id, verdict }
      : { id, verdict: 'unknowable', why: `cannot say for ${session.token}` };
  });
};

const status = (id: string) => ({
  id,
  direction: 'incoming' as const,
  access: 'read-only' as const,
  pairState: 'synchronized' as const,
});

export default definePlugin({
  name: 'puppet',
  version: '1.0.0',
  contract: 1,
  config: z.object({
    log: text(),
    token: secret(),
    open: z.enum(['ok', 'loop', 'hang', 'fail', 'once']).default('ok'),
    instance: z.enum(['single', 'per-thread']).default('per-thread'),
  }),
  instance: ({ instance }) => instance,
  open: async ({ config, remoteId }) => {
    const session = { log: config.log, token: config.token.reveal(), remoteId };
    write(session, 'open');
    if (config.open === 'loop') forever();
    if (config.open === 'hang') await new Promise(() => {});
    if (config.open === 'fail') throw new Error(`no login with ${session.token}`);
    return session;
  },
  close: (session) => write(session, 'close'),
  faultOf: (error) =>
    (error as { vendor?: number }).vendor === 17
      ? fault('busy', 'vendor code 17', { code: '17' })
      : undefined,
  operationStatus: ({ session, verb, targets }) => {
    write(session, `poll ${verb} ${targets.map(({ operation }) => operation).join(',')}`);
    return targets.map(({ id }) => {
      if (id.endsWith('done')) return { id, state: 'done', evidence: { by: 'polling' } };
      if (id.endsWith('failed')) {
        return { id, state: 'failed', fault: fault('corrupt', `no ${session.token}`) };
      }
      return { id, state: 'running', progress: 0.5 };
    });
  },
  verbs: {
    discoverDevices: ({ session, page }) => {
      write(session, `discoverDevices ${page.token ?? ''}`);
      const device = { ...status('d1'), name: 'd1', sizeBytes: 4096 };
      if (page.token === 'nonsense') return { items: [{ ...device, sizeBytes: 'big' as never }] };
      return { items: [device], next: 'more' };
    },
    deviceStatus: ({ session, targets }) => {
      write(session, `deviceStatus ${targets.map(({ id }) => id).join(',')}`);
      return targets.map(({ id, devices }) => ({ id, value: devices.map(status) }));
    },
    failover: { run: (call) => act('failover', call), settle },
    restoreReplication: { run: (call) => act('restoreReplication', call), repeatable: true },
    prepareFailover: { run: (call) => act('prepareFailover', call), repeatable: true },
    sync: { run: (call) => act('sync', call), repeatable: true },
    reverse: (call) => act('reverse', call),
    powerOn: { run: (call) => act('powerOn', call), repeatable: true },
    shutDown: { run: (call) => act('shutDown', call), repeatable: true },
  },
});
