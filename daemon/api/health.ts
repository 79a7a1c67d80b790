/**
 * The standard health service: `NOT_SERVING`, for all services, while the journal is held. For the
 * service of injections it says whether they are on: `SERVING` is what an alarm waits for.
 */
import {
  type handleUnaryCall,
  type Server,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthService,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../proto/gen/grpc/health/v1/health.ts';
import { healthPollMs } from './limits.ts';

export interface Health {
  /** NOT_SERVING from now on, whatever the journal says; nobody can watch any longer. */
  end(): void;
}

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

export interface HealthParts {
  readonly held: () => boolean;
  /** Failures on purpose are on. */
  readonly injecting: () => boolean;
}

const injections = 'siteswap.v1.InjectionService';

const unnamed = (service: string, services: readonly string[]): string =>
  `no service is named "${service}": there are "" (the daemon), ${services.join(', ')}`;

/** The parts are asked again and again, because watchers are told of changes. */
export const addHealth = (
  server: Server,
  services: readonly string[],
  { held, injecting }: HealthParts,
): Health => {
  const names = new Set(['', ...services]);
  const watchers = new Set<Watcher>();
  let ended = false;
  const now = (service: string) => {
    const isAway = ended || held() || (service === injections && !injecting());
    return isAway ? Serving.NOT_SERVING : Serving.SERVING;
  };
  const told = new Map<Watcher, Serving>();
  const tellAll = (): void => {
    for (const watcher of watchers) {
      const { service } = watcher.request;
      const status = now(service);
      if (!names.has(service) || told.get(watcher) === status) continue;
      told.set(watcher, status);
      watcher.write({ status });
    }
  };
  const check: handleUnaryCall<HealthCheckRequest, HealthCheckResponse> = ({ request }, answer) => {
    if (names.has(request.service)) answer(null, { status: now(request.service) });
    else answer({ code: status.NOT_FOUND, details: unnamed(request.service, services) });
  };
  server.addService(HealthService, {
    check,
    watch: (watcher: Watcher) => {
      const { service } = watcher.request;
      const status = names.has(service) ? now(service) : Serving.SERVICE_UNKNOWN;
      watcher.write({ status });
      told.set(watcher, status);
      watchers.add(watcher);
      watcher.on('cancelled', () => {
        watchers.delete(watcher);
        told.delete(watcher);
      });
      // A caller that goes away is no error of ours.
      watcher.on('error', () => {});
    },
  });
  const poll = setInterval(tellAll, healthPollMs);
  poll.unref();
  return {
    end: () => {
      clearInterval(poll);
      ended = true;
      tellAll();
      for (const watcher of watchers) watcher.end();
    },
  };
};
