/** The standard health service: `NOT_SERVING`, for all services, while the journal is held. */
import type { Server } from '@grpc/grpc-js';
import { HealthImplementation, type ServingStatus } from 'grpc-health-check';
import { healthPollMs } from './limits.ts';

export interface Health {
  /** NOT_SERVING from now on, whatever the journal says. */
  end(): void;
}

/** `held`: asked again and again, because the health service tells its watchers of changes. */
export const addHealth = (
  server: Server,
  services: readonly string[],
  held: () => boolean,
): Health => {
  const names = ['', ...services];
  let told: ServingStatus = held() ? 'NOT_SERVING' : 'SERVING';
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, told])));
  health.addToServer(server);

  const tell = (status: ServingStatus): void => {
    if (status === told) return;
    told = status;
    for (const name of names) health.setStatus(name, status);
  };
  const poll = setInterval(() => tell(held() ? 'NOT_SERVING' : 'SERVING'), healthPollMs);
  poll.unref();
  return {
    end: () => {
      clearInterval(poll);
      tell('NOT_SERVING');
    },
  };
};
