/** The standard health service: `NOT_SERVING`, for all services, while the journal is held. */
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

/** `held`: asked again and again, because watchers are told of changes. */
export const addHealth = (
  server: Server,
  services: readonly string[],
  held: () => boolean,
): Health => {
  const names = new Set(['', ...services]);
  const watchers = new Set<Watcher>();
  let ended = false;
  const now = () => (ended || held() ? Serving.NOT_SERVING : Serving.SERVING);
  let told = now();
  const tellAll = (): void => {
    if (now() === told) return;
    told = now();
    for (const watcher of watchers) {
      if (names.has(watcher.request.service)) watcher.write({ status: told });
    }
  };
  const check: handleUnaryCall<HealthCheckRequest, HealthCheckResponse> = ({ request }, answer) => {
    if (names.has(request.service)) answer(null, { status: now() });
    else answer({ code: status.NOT_FOUND, details: `no service is named ${request.service}` });
  };
  server.addService(HealthService, {
    check,
    watch: (watcher: Watcher) => {
      const isKnown = names.has(watcher.request.service);
      watcher.write({ status: isKnown ? told : Serving.SERVICE_UNKNOWN });
      watchers.add(watcher);
      watcher.on('cancelled', () => watchers.delete(watcher));
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
