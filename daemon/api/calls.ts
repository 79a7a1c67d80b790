/**
 * What every call goes through: an id for the log, a deadline, typed errors, and encoding. Handlers
 * are plain functions of a request; whatever they throw ends their own call and nothing else.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type {
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { SiteswapError } from '../core/errors.ts';
import { messageBytesMax } from '../core/limits.ts';
import { RunElsewhere } from '../runner/elsewhere.ts';
import { siteswapErrorOf, statusOf } from './errors.ts';
import { deadlineMarginMs, deadlineMsDefault } from './limits.ts';
import { type Arrived, keyed, type PassOn } from './passing.ts';

/** An answer that is encoded already, to be sent as it is. */
export class Encoded {
  readonly bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}

/** What a handler knows of its call. */
export interface Call {
  readonly id: string;
  /** The metadata `authorization`; empty when there is none. */
  readonly authorization: string;
  /** When the caller stops waiting, in ms since the Unix epoch; undefined: it named no deadline. */
  readonly deadlineMs: number | undefined;
  /** Aborted when the caller has gone, or, with the error to tell as its reason, by the daemon. */
  readonly signal: AbortSignal;
  /** Under which what it changes is done once, wherever else it comes; absent: it comes nowhere. */
  readonly requestId?: string | undefined;
  /** Tells the caller ahead of the answer which run it waits for; absent: it cannot be told. */
  readonly began?: (runId: string) => void;
}

export type Unary<Q, A> = (request: Q, call: Call) => A | Promise<A>;
export type Streaming<Q, A> = (request: Q, call: Call) => AsyncIterable<A | Encoded>;

/** One handler for each method of a generated service definition. */
export type Handlers<D> = {
  readonly [M in keyof D]: D[M] extends {
    readonly requestDeserialize: (bytes: Buffer) => infer Q;
    readonly responseSerialize: (answer: infer A) => Buffer;
    readonly responseStream: infer S;
  }
    ? S extends true
      ? Streaming<Q, A>
      : Unary<Q, A>
    : never;
};

/** A service as grpc-js takes it. */
export interface Service {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** A request that could not be read, on its way to the error that says so. */
class Unreadable {
  readonly error: SiteswapError;

  constructor(error: SiteswapError) {
    this.error = error;
  }
}

type AnyMethod = MethodDefinition<unknown, unknown>;
type AnyHandler = (request: unknown, call: Call) => unknown;

interface Served {
  readonly method: AnyMethod;
  readonly handler: AnyHandler;
}

export interface CallsParts {
  readonly log: Logger;
  readonly version: string;
  /** Failures on purpose are on, which every answer says. */
  readonly injecting?: () => boolean;
  /** The journal takes no entry, which every answer says. */
  readonly held?: () => boolean;
  /** Where several members share a journal. */
  readonly passOn?: PassOn | undefined;
}

/** All calls of one server. */
export class Calls {
  readonly #log: Logger;
  readonly #version: string;
  readonly #injecting: () => boolean;
  readonly #held: () => boolean;
  readonly #passOn: PassOn | undefined;
  readonly #served = new Map<string, Served>();
  readonly #prefix = randomBytes(3).toString('hex');
  readonly #open = new Set<OpenCall>();
  #count = 0;

  constructor({ log, version, injecting = no, held = no, passOn }: CallsParts) {
    this.#log = log;
    this.#version = version;
    this.#injecting = injecting;
    this.#held = held;
    this.#passOn = passOn;
  }

  /**
   * Handlers as a service. `patienceMs`: the deadline of unary calls that name none; Infinity where
   * a handler keeps its deadline itself.
   */
  service<D extends object>(
    definition: D,
    handlers: Handlers<D>,
    patienceMs = deadlineMsDefault,
  ): Service {
    const methods: Record<string, AnyMethod> = {};
    const implementation: UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(definition) as [string, AnyMethod][]) {
      const handler = (handlers as Record<string, AnyHandler>)[name] as AnyHandler;
      this.#served.set(method.path, { method, handler });
      methods[name] = {
        ...method,
        requestDeserialize: reading(method),
        responseSerialize: (answer) => (answer as Encoded).bytes,
      };
      implementation[name] = method.responseStream
        ? this.#streaming(method, handler)
        : this.#unary(method, handler, patienceMs);
    }
    return { definition: methods, implementation };
  }

  /** Ends every call that waits for something, with `error`. */
  end(error: SiteswapError): void {
    for (const call of this.#open) call.end(error);
  }

  /**
   * The parts of the answer, encoded. Throws RunElsewhere, SiteswapError, or what a defect throws.
   */
  async *answer({ method: path, body, ...arrived }: Arrived): AsyncGenerator<Uint8Array> {
    const served = this.#served.get(path);
    if (served === undefined) {
      throw new SiteswapError('METHOD_UNKNOWN', `this member does not know ${path}`);
    }
    const { method, handler } = served;
    const id = `${this.#prefix}-${(++this.#count).toString(36)}`;
    const call: Call = { id, authorization: '', ...arrived };
    const request = keyed(readable(reading(method)(Buffer.from(body))), arrived.requestId);
    this.#log.debug({ callId: id, method: path, requestId: arrived.requestId }, 'call arrived');
    if (!method.responseStream) {
      yield encode(method, await handler(request, call)).bytes;
      return;
    }
    for await (const answer of handler(request, call) as AsyncIterable<unknown>) {
      yield encode(method, answer).bytes;
    }
  }

  #unary(
    method: AnyMethod,
    handler: AnyHandler,
    patienceMs: number,
  ): handleUnaryCall<unknown, unknown> {
    return async (grpc, respond) => {
      const call = this.#opened(method, grpc);
      const patience = call.deadlineMs === undefined ? patienceMs : Number.POSITIVE_INFINITY;
      try {
        const answer = this.#handled(method, handler, readable(grpc.request), call);
        const encoded = encode(method, await within(answer, patience, method.path));
        this.#closed(call);
        // With the answer, not ahead of it: one write to the connection instead of two.
        if (!call.isTold) grpc.sendMetadata(this.#head(call));
        respond(null, encoded);
      } catch (thrown) {
        respond(this.#failed(call, thrown));
      }
    };
  }

  /** What the member that drives the run must do is passed on to it. */
  #handled(method: AnyMethod, handler: AnyHandler, request: unknown, call: OpenCall): unknown {
    const answer = handler(request, call);
    const passOn = this.#passOn;
    if (!(answer instanceof Promise) || passOn === undefined) return answer;
    return answer.catch(async (thrown: unknown) => {
      if (!(thrown instanceof RunElsewhere)) throw thrown;
      const { requestId = '', signal } = call;
      const body = method.requestSerialize(keyed(request, requestId));
      const leftMs = (call.deadlineMs ?? Date.now() + deadlineMsDefault) - Date.now();
      const waitMs = leftMs - deadlineMarginMs(leftMs);
      const { runId } = thrown;
      const began = (id: string): void => call.began(id);
      const passed = { method: method.path, body, requestId, runId, waitMs, signal, began };
      return new Encoded(await passOn(passed));
    });
  }

  #streaming(method: AnyMethod, handler: AnyHandler): handleServerStreamingCall<unknown, unknown> {
    return async (grpc) => {
      const call = this.#opened(method, grpc);
      grpc.sendMetadata(this.#head(call));
      try {
        const answers = handler(readable(grpc.request), call) as AsyncIterable<unknown>;
        for await (const answer of answers) {
          if (call.signal.aborted) break;
          await written(grpc, encode(method, answer), call.signal);
        }
        if (call.error) throw call.error;
        this.#closed(call);
        grpc.end();
      } catch (thrown) {
        grpc.emit('error', this.#failed(call, thrown));
      }
    };
  }

  #opened(method: AnyMethod, grpc: AnyCall): OpenCall {
    const id = `${this.#prefix}-${(++this.#count).toString(36)}`;
    const call: OpenCall = new OpenCall(id, method.path, grpc, {
      isMarked: this.#passOn !== undefined,
      head: () => this.#head(call),
    });
    this.#open.add(call);
    // It is emitted after a good end too, and then nobody listens any more.
    grpc.on('cancelled', () => {
      call.end(undefined);
      this.#open.delete(call);
    });
    return call;
  }

  #head(call: OpenCall): Metadata {
    const head = new Metadata();
    head.set('siteswap-call-id', call.id);
    head.set('siteswap-version', this.#version);
    if (this.#injecting()) head.set('siteswap-injections', 'on');
    if (this.#held()) head.set('siteswap-journal', 'held');
    return head;
  }

  #closed(call: OpenCall): void {
    this.#open.delete(call);
    this.#log.debug({ callId: call.id, method: call.path }, 'call answered');
  }

  #failed(call: OpenCall, thrown: unknown) {
    this.#open.delete(call);
    const error = call.error ?? siteswapErrorOf(thrown);
    const facts = { callId: call.id, method: call.path, reason: error.reason };
    if (error.reason !== 'INTERNAL') this.#log.info(facts, error.message);
    else if (!call.gone) this.#log.error({ ...facts, err: thrown }, 'call failed by a defect');
    return statusOf(error, call.id);
  }
}

const no = (): boolean => false;

type AnyCall = ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>;

interface Opening {
  /** It may be passed on. */
  readonly isMarked: boolean;
  readonly head: () => Metadata;
}

class OpenCall implements Call {
  readonly id: string;
  readonly path: string;
  readonly deadlineMs: number | undefined;
  readonly #grpc: AnyCall;
  readonly #opening: Opening;
  #requestId: string | undefined;
  /** Made when somebody asks for it: most calls are over before anybody does. */
  #aborted: AbortController | undefined;
  #ended = false;
  #error: SiteswapError | undefined;
  /** The caller hung up: there is nobody to tell. */
  gone = false;
  /** What stands ahead of the answer was sent. */
  isTold = false;

  constructor(id: string, path: string, grpc: AnyCall, opening: Opening) {
    this.#opening = opening;
    this.id = id;
    this.path = path;
    this.#grpc = grpc;
    const deadlineMs = Number(grpc.getDeadline());
    this.deadlineMs = Number.isFinite(deadlineMs) ? deadlineMs : undefined;
  }

  get requestId(): string | undefined {
    if (this.#opening.isMarked) this.#requestId ??= randomUUID();
    return this.#requestId;
  }

  get authorization(): string {
    return String(this.#grpc.metadata.get('authorization')[0] ?? '');
  }

  /** What the daemon ended it with, if it did. */
  get error(): SiteswapError | undefined {
    return this.#error;
  }

  get signal(): AbortSignal {
    if (this.#aborted === undefined) {
      this.#aborted = new AbortController();
      if (this.#ended) this.#aborted.abort(this.#error);
    }
    return this.#aborted.signal;
  }

  began(runId: string): void {
    if (this.isTold || this.#ended) return;
    this.isTold = true;
    const head = this.#opening.head();
    head.set('siteswap-run-id', runId);
    this.#grpc.sendMetadata(head);
  }

  end(error: SiteswapError | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.gone = error === undefined;
    this.#aborted?.abort(error);
  }
}

/** Reads a request. What cannot be read stays a value until its call can be told so. */
const reading = (method: AnyMethod) => (bytes: Buffer) => {
  if (bytes.length > messageBytesMax) {
    const text = `the request has ${bytes.length} bytes; ${messageBytesMax} is the most`;
    return new Unreadable(new SiteswapError('MESSAGE_TOO_LARGE', text));
  }
  try {
    return method.requestDeserialize(bytes);
  } catch {
    const text = `the request is not a message of ${method.path}`;
    return new Unreadable(new SiteswapError('INVALID_REQUEST', text));
  }
};

const readable = (request: unknown): unknown => {
  if (request instanceof Unreadable) throw request.error;
  return request;
};

const encode = (method: AnyMethod, answer: unknown): Encoded => {
  const encoded =
    answer instanceof Encoded ? answer : new Encoded(method.responseSerialize(answer));
  if (encoded.bytes.length <= messageBytesMax) return encoded;
  const text = `the answer has ${encoded.bytes.length} bytes; ${messageBytesMax} is the most`;
  throw new SiteswapError('MESSAGE_TOO_LARGE', text);
};

/** Rejects with DEADLINE when `answer` takes longer; the work behind it goes on. */
const within = async (answer: unknown, patienceMs: number, path: string): Promise<unknown> => {
  if (!(answer instanceof Promise) || patienceMs === Number.POSITIVE_INFINITY) return answer;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const text = `${path} took longer than the ${patienceMs} ms of calls without a deadline`;
      reject(new SiteswapError('DEADLINE', text));
    }, patienceMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
};

/**
 * Resolves when the transport has taken the message, so that a slow reader holds one message and
 * not a queue; also when the caller has gone, because then the transport says nothing any more.
 */
const written = (
  grpc: ServerWritableStream<unknown, unknown>,
  encoded: Encoded,
  signal: AbortSignal,
): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    grpc.write(encoded, done);
  });
