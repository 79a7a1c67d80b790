/**
 * Calls as promises and async iterators, with deadline and abort signal, over one gRPC connection.
 * The services above it only name their methods.
 */

import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { FaultOwner } from '../../proto/gen/siteswap/v1/common.ts';
import { ErrorDetail } from '../../proto/gen/siteswap/v1/error.ts';
import { CallError, callErrorOf } from './errors.ts';
import {
  deadlineMsDefault,
  messageBytesMax,
  reconnectDelayMsMax,
  reconnectDelayMsMin,
} from './limits.ts';

/** Every call takes these. */
export interface CallOptions {
  /** How long the caller waits, in milliseconds. What was started in the daemon goes on. */
  readonly deadlineMs?: number;
  /** Gives the call up. What was started in the daemon goes on. */
  readonly signal?: AbortSignal;
  /** Called ahead of the answer with the id of the run that the call waits for, if it does. */
  readonly began?: (runId: string) => void;
}

/** A method of a generated service definition. */
export interface Method<Q, A> {
  readonly path: string;
  readonly requestSerialize: (request: Q) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => A;
}

export interface Channel {
  unary<Q, A>(method: Method<Q, A>, request: Q, options?: CallOptions): Promise<A>;
  /** Without a deadline the stream lasts as long as the daemon sends. */
  stream<Q, A>(method: Method<Q, A>, request: Q, options?: CallOptions): AsyncGenerator<A, void>;
  ready(options?: CallOptions): Promise<void>;
  /** The last answer said that injections are on. */
  injecting(): boolean;
  /** The last answer said that the journal is held. */
  held(): boolean;
  close(): void;
}

const throwIfAborted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw callErrorOf({ details: 'given up by the caller' }, true);
};

/** Cancels `call` when the caller gives up; returns how to stop listening. */
const cancelOn = (signal: AbortSignal | undefined, call: { cancel(): void }): (() => void) => {
  const cancel = () => call.cancel();
  signal?.addEventListener('abort', cancel, { once: true });
  return () => signal?.removeEventListener('abort', cancel);
};

async function* streamOf<Q, A>(
  { client, address }: { readonly client: Client; readonly address: string },
  method: Method<Q, A>,
  request: Q,
  { deadlineMs, signal }: CallOptions,
): AsyncGenerator<A, void> {
  throwIfAborted(signal);
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    new Metadata(),
    deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs },
  );
  // The iterator below reports errors; one that comes after it has ended concerns nobody.
  call.on('error', () => {});
  const release = cancelOn(signal, call);
  try {
    for await (const message of call) yield message as A;
  } catch (error) {
    const asked = { address, path: method.path, ...(deadlineMs !== undefined && { deadlineMs }) };
    throw callErrorOf(error, signal?.aborted === true, asked);
  } finally {
    release();
    call.cancel();
  }
}

const portMax = 65_535;

/** What grpc-js would take for a name to be resolved, and then for a daemon that is away. */
const expectAddress = (address: string): void => {
  const [, port = ''] = /^[^/]+:(\d+)$/.exec(address) ?? [];
  if (/^unix:./.test(address) || (port !== '' && Number(port) <= portMax)) return;
  throw new CallError(
    'INVALID_ARGUMENT',
    `"${address}" is not an address`,
    ErrorDetail.fromPartial({
      reason: 'ADDRESS_INVALID',
      owner: FaultOwner.ENGINE,
      subject: address,
      hint: 'Use unix:PATH or HOST:PORT.',
    }),
  );
};

/** A call carries it in a header, which takes no other; and would tell it in refusing. */
const expectToken = (token: string | undefined): void => {
  if (token === undefined || /^[!-~]([ -~]*[!-~])?$/.test(token)) return;
  throw new CallError(
    'INVALID_ARGUMENT',
    'the token of "injector" has characters that a call cannot carry',
    ErrorDetail.fromPartial({
      reason: 'INVALID_REQUEST',
      owner: FaultOwner.ENGINE,
      subject: 'injectorToken',
      hint: 'Use letters, digits and signs of ASCII alone, without a blank at an end.',
    }),
  );
};

/** How a channel is opened. */
interface ChannelOptions {
  /** For unary calls that name none. */
  readonly deadlineMs?: number;
  readonly injectorToken?: string;
}

/** What every call carries. */
const metadataOf = (injectorToken: string | undefined): Metadata => {
  const metadata = new Metadata();
  if (injectorToken !== undefined) metadata.set('authorization', `Bearer ${injectorToken}`);
  return metadata;
};

/** What the answers say beside themselves. */
interface Said {
  injecting: boolean;
  held: boolean;
}

const hear = (head: Metadata, said: Said, { began }: CallOptions): void => {
  said.injecting = head.get('siteswap-injections')[0] === 'on';
  said.held = head.get('siteswap-journal')[0] === 'held';
  const [runId] = head.get('siteswap-run-id');
  if (runId !== undefined) began?.(String(runId));
};

export const openChannel = (address: string, given: ChannelOptions = {}): Channel => {
  const { deadlineMs = deadlineMsDefault, injectorToken } = given;
  const said = { injecting: false, held: false };
  expectAddress(address);
  expectToken(injectorToken);
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': messageBytesMax,
    'grpc.initial_reconnect_backoff_ms': reconnectDelayMsMin,
    'grpc.max_reconnect_backoff_ms': reconnectDelayMsMax,
    // Without it two clients of one address share a connection, and its failures.
    'grpc.use_local_subchannel_pool': 1,
  });

  const unary = <Q, A>(method: Method<Q, A>, request: Q, options: CallOptions = {}) =>
    new Promise<A>((resolve, reject) => {
      throwIfAborted(options.signal);
      const waitMs = options.deadlineMs ?? deadlineMs;
      const asked = { address, path: method.path, deadlineMs: waitMs };
      const call = client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        metadataOf(injectorToken),
        { deadline: Date.now() + waitMs },
        (error, answer) => {
          release();
          if (error) reject(callErrorOf(error, options.signal?.aborted === true, asked));
          else resolve(answer as A);
        },
      );
      call.on('metadata', (head) => hear(head, said, options));
      const release = cancelOn(options.signal, call);
    });

  const ready = (options: CallOptions = {}) =>
    new Promise<void>((resolve, reject) => {
      throwIfAborted(options.signal);
      const give = () => reject(callErrorOf({ details: 'given up by the caller' }, true));
      options.signal?.addEventListener('abort', give, { once: true });
      client.waitForReady(Date.now() + (options.deadlineMs ?? deadlineMs), (error) => {
        options.signal?.removeEventListener('abort', give);
        if (error)
          reject(callErrorOf({ code: 14, details: `no daemon answers at ${address}` }, false));
        else resolve();
      });
    });

  return {
    unary,
    stream: (method, request, options = {}) =>
      streamOf({ client, address }, method, request, options),
    ready,
    injecting: () => said.injecting,
    held: () => said.held,
    close: () => client.close(),
  };
};

/** An answer of the daemon lacks what it must hold: daemon and client do not fit together. */
export const present = <T>(value: T | undefined, what: string): T => {
  if (value !== undefined) return value;
  throw new CallError('INTERNAL', `the daemon answered without ${what}`, {
    reason: 'INTERNAL',
    owner: FaultOwner.ENGINE,
    subject: what,
    vendorCode: '',
    hint: 'Bring daemon and client to one version.',
    violations: [],
    callId: '',
  });
};
