/** The gRPC server: all services of the contract over one engine, with health and reflection. */
import { setTimeout as delay } from 'node:timers/promises';
import { Server, setLogger } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Secret } from '../../sdk/plugin/config.ts';
import { SiteswapError } from '../core/errors.ts';
import type { Engine } from '../runner/service.ts';
import { Calls, type Service } from './calls.ts';
import { addHealth, type HealthParts } from './health.ts';
import { injectionService } from './injection-service.ts';
import { stopMsMax, transportBytesMax } from './limits.ts';
import { type Address, listen } from './listen.ts';
import type { PassOn } from './passing.ts';
import { addReflection } from './reflection.ts';
import { services } from './services.ts';

export interface ApiParts {
  readonly engine: Engine;
  /** A socket's path, or a loopback host with a port (0: any). */
  readonly listen: Address;
  readonly log: Logger;
  /** The daemon's version: travels with every answer. */
  readonly version: string;
  /** Who sends it has the role `injector`; absent: nobody has. */
  readonly injector?: Secret;
  /** For requests that another member must do; absent: there is none. */
  readonly passOn?: PassOn;
}

export interface Api {
  /** Resolves to the address that clients connect to. Throws ADDRESS_INVALID, ADDRESS_IN_USE. */
  start(): Promise<string>;
  /**
   * Says NOT_SERVING, ends watches and waiting calls with SHUTTING_DOWN, lets the others finish
   * for a bounded time, and closes.
   */
  stop(): Promise<void>;
}

/**
 * Ends each connection once its calls are over and their last words have left, however busy the
 * machine is: nobody who still listens loses the reason. What is not over in time is cut.
 */
const close = async (server: Server, log: Logger): Promise<void> => {
  const over = new AbortController();
  const closed = new Promise<boolean>((resolve) => server.tryShutdown(() => resolve(true)));
  const impatient = delay(stopMsMax, false, { signal: over.signal }).catch(() => false);
  if (!(await Promise.race([closed, impatient]))) log.warn('cut calls that did not end');
  over.abort();
  server.forceShutdown();
};

/** A server of services, whoever answers behind them. */
export interface ServerParts {
  readonly services: (calls: Calls) => readonly Service[];
  readonly listen: Address;
  readonly log: Logger;
  readonly version: string;
  readonly health: HealthParts;
  readonly passOn?: PassOn | undefined;
}

export const createServer = (parts: ServerParts): Api => {
  const { listen: address, log, version, passOn, health: asked } = parts;
  // What the transport has to say belongs into the log, not onto the daemon's stderr.
  setLogger({ error: (...words) => log.warn({ words: words.map(String) }, 'transport') });
  const server = new Server({ 'grpc.max_receive_message_length': transportBytesMax });
  const calls = new Calls({ log, version, ...asked, passOn });
  const names = new Set<string>();
  for (const { definition, implementation } of parts.services(calls)) {
    server.addService(definition, implementation);
    for (const { path } of Object.values(definition)) names.add(path.split('/')[1] as string);
  }
  const health = addHealth(server, [...names], asked);
  addReflection(server);

  return {
    start: async () => {
      try {
        const bound = await listen(server, address);
        log.info({ address: bound }, 'listening');
        return bound;
      } catch (error) {
        health.end();
        throw error;
      }
    },
    stop: async () => {
      health.end();
      const closed = close(server, log);
      calls.end(new SiteswapError('SHUTTING_DOWN', 'the daemon is ending'));
      await closed;
      log.info('no longer listening');
    },
  };
};

export const createApi = ({ engine, injector, ...parts }: ApiParts): Api =>
  createServer({
    ...parts,
    services: (calls) =>
      [...services, injectionService(injector)].map((make) => make(engine, calls)),
    health: {
      held: () => engine.health().journal.held,
      injecting: () => engine.injections.on,
    },
  });
