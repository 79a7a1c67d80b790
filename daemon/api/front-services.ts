/**
 * The contract as a front speaks it: every request is passed on as it came, through the queues, and
 * so is its answer. Only watches are served here, from the journal.
 */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { ClusterServiceService } from '../../proto/gen/siteswap/v1/cluster.ts';
import { InjectionServiceService } from '../../proto/gen/siteswap/v1/injection.ts';
import { InventoryServiceService } from '../../proto/gen/siteswap/v1/inventory.ts';
import { MigrationServiceService } from '../../proto/gen/siteswap/v1/migration.ts';
import { PlanServiceService } from '../../proto/gen/siteswap/v1/plan.ts';
import { RepairServiceService } from '../../proto/gen/siteswap/v1/repair.ts';
import { ReplicationServiceService } from '../../proto/gen/siteswap/v1/replication.ts';
import { RunServiceService, type WatchRunRequest } from '../../proto/gen/siteswap/v1/run.ts';
import { SiteServiceService } from '../../proto/gen/siteswap/v1/site.ts';
import type { Asker, Question } from '../cluster/asker.ts';
import { classOf } from '../cluster/classes.ts';
import { SiteswapError } from '../core/errors.ts';
import type { Engine } from '../runner/service.ts';
import { type Call, type Calls, Encoded, type Handlers, type Service } from './calls.ts';
import { deadlineMarginMs, deadlineMsDefault, replicationDeadlineMsMax } from './limits.ts';
import { watchRun } from './run-service.ts';
import { EventEncoder } from './translate-events.ts';

export interface FrontParts {
  readonly asker: Asker;
  readonly watching: Pick<Engine, 'watchRun' | 'describeRun'>;
}

type AnyMethod = MethodDefinition<object, unknown>;

const definitions: readonly object[] = [
  ClusterServiceService,
  InjectionServiceService,
  InventoryServiceService,
  MigrationServiceService,
  PlanServiceService,
  RepairServiceService,
  RunServiceService,
  SiteServiceService,
];

/** Streams without a deadline last until they end: the longest that timers know. */
const streamMsMax = 2 ** 31 - 1;

/** Off at some members would be no barrier, and the role's token does not travel in a table. */
const local = ({ path }: AnyMethod): SiteswapError => {
  const message = `${path} is about one member, and a front is none`;
  return new SiteswapError('INJECTIONS_PER_MEMBER', message);
};

/** Ahead of the caller's own deadline, so that a typed error still gets there. */
const waitMsOf = ({ deadlineMs }: Call, defaultMs: number): number => {
  if (deadlineMs === undefined) return defaultMs;
  const leftMs = deadlineMs - Date.now();
  return Math.max(leftMs - deadlineMarginMs(leftMs), 0);
};

/** A definition whose requests stay as they came; what they hold is read beside it. */
const unread = (definition: object): ServiceDefinition =>
  Object.fromEntries(
    Object.entries(definition as Record<string, AnyMethod>).map(([name, method]) => [
      name,
      { ...method, requestDeserialize: (bytes: Buffer) => bytes },
    ]),
  );

const questionOf = (method: AnyMethod, body: Buffer, call: Call, defaultMs: number): Question => {
  const { runId = '' } = method.requestDeserialize(body) as { readonly runId?: string };
  const waitMs = waitMsOf(call, method.responseStream ? streamMsMax : defaultMs);
  // A stream is told of runs in what it streams.
  const began = method.responseStream ? undefined : (id: string) => call.began?.(id);
  return { method: method.path, runId, body, waitMs, signal: call.signal, began };
};

/** Services of a front; as a whole they are the contract. */
export const frontServices = ({ asker, watching }: FrontParts, calls: Calls): Service[] => {
  const encoder = new EventEncoder((runId) => watching.describeRun(runId));
  const watch = (method: AnyMethod) => (body: Buffer, call: Call) =>
    watchRun(watching, encoder, method.requestDeserialize(body) as WatchRunRequest, call);
  const handlerOf = (method: AnyMethod, defaultMs: number) => {
    if (method.path === RunServiceService.watchRun.path) return watch(method);
    if (method.responseStream) {
      return async function* pass(body: Buffer, call: Call) {
        for await (const part of asker.ask(questionOf(method, body, call, defaultMs))) {
          yield new Encoded(part);
        }
      };
    }
    return async (body: Buffer, call: Call) => {
      if (classOf(method.path) === 'local') throw local(method);
      return new Encoded(await asker.one(questionOf(method, body, call, defaultMs)));
    };
  };
  const serviceOf = (definition: object, defaultMs: number): Service => {
    const methods = Object.entries(definition as Record<string, AnyMethod>);
    const handlers = methods.map(([name, method]) => [name, handlerOf(method, defaultMs)]);
    const passing = Object.fromEntries(handlers) as Handlers<ServiceDefinition>;
    return calls.service(unread(definition), passing, Number.POSITIVE_INFINITY);
  };
  return [
    ...definitions.map((definition) => serviceOf(definition, deadlineMsDefault)),
    serviceOf(ReplicationServiceService, replicationDeadlineMsMax),
  ];
};
