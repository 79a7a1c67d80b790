/**
 * The process of a world of its own. Its first line of standard input says what to serve and where;
 * it says `ready` when it does. Unless it is told to stay it ends when standard input does, so that
 * it never outlives a test that was killed.
 */
import { createInterface } from 'node:readline';
import { newLab } from './lab.ts';
import { serve } from './server.ts';
import type { LabSpec } from './spec.ts';
import { drivenTime, realTime } from './time.ts';

export interface ProcessOrder {
  readonly socket: string;
  readonly spec: LabSpec;
  /** Time stands at this moment until `advance` lets it pass; absent: real time. */
  readonly drivenFromMs?: number;
  readonly stay: boolean;
}

const begin = async (order: ProcessOrder): Promise<void> => {
  const { drivenFromMs: from } = order;
  const lab = newLab(order.spec, from === undefined ? realTime : drivenTime(from));
  const server = await serve(lab, order.socket);
  const end = (): void => {
    void server.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
  if (!order.stay) lines.once('close', end);
  process.stdout.write('ready\n');
};

const lines = createInterface({ input: process.stdin });
lines.once('line', (line) => {
  begin(JSON.parse(line) as ProcessOrder).catch((error: Error) => {
    process.stderr.write(`lab world: ${error.message}\n`);
    process.exit(1);
  });
});
