/** All services of the contract that any member answers alike. */
import type { Engine } from '../runner/service.ts';
import type { Calls, Service } from './calls.ts';
import { clusterService } from './cluster-service.ts';
import { inventoryService } from './inventory-service.ts';
import { migrationService } from './migration-service.ts';
import { planService } from './plan-service.ts';
import { repairService } from './repair-service.ts';
import { replicationService } from './replication-service.ts';
import { runService } from './run-service.ts';
import { siteService } from './site-service.ts';

export type MakeService = (engine: Engine, calls: Calls) => Service;

export const services: readonly MakeService[] = [
  clusterService,
  inventoryService,
  migrationService,
  planService,
  repairService,
  replicationService,
  runService,
  siteService,
];
