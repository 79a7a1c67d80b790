/**
 * What becomes of a request that is passed on, by the registry of methods that is made from the
 * contract. Source: US 10,075,514 claim 1 (monitoring requests to every node, others to one).
 */
import { type Method, methods } from '../../proto/gen/methods.ts';

/**
 * - `monitor`: it names a run and looks: asked of every member, answered by one that executes the
 *   run, or has executed it.
 * - `read`: it looks and names no run: any member tells it from the journal.
 * - `steer`: it changes the run that it names: done by the member that drives it.
 * - `change`: done by any member, once.
 * - `local`: about the daemon that is asked; not passed on.
 */
export type RequestClass = 'monitor' | 'read' | 'steer' | 'change' | 'local';

/** A method that nobody has classified is not one of monitoring. */
const unknown: Method = { kind: 'changing', namesRun: false, streams: false };

export const methodOf = (path: string): Method => methods[path] ?? unknown;

/** By the path of the method, as gRPC spells it. */
export const classOf = (path: string): RequestClass => {
  const { kind, namesRun } = methodOf(path);
  if (kind === 'local') return 'local';
  if (kind === 'monitoring') return namesRun ? 'monitor' : 'read';
  return namesRun ? 'steer' : 'change';
};
