/** A way to ask a world: the same from within its thread and over a socket. */
import { FaultError } from '@siteswap/sdk/plugin';
import { commands } from './commands.ts';
import { ask, type Lab } from './lab.ts';
import { no } from './outcome.ts';
import type { CommandRequest, Request } from './requests.ts';

export interface Port {
  /** The answer, or a promise of it. Throws or rejects with FaultError. */
  send(request: Request, signal?: AbortSignal): unknown;
  close(): void;
}

const command = (lab: Lab, { name, args }: CommandRequest): unknown => {
  const table: Readonly<Record<string, (lab: Lab, ...args: never[]) => unknown>> = commands;
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  if (found !== undefined) return found(lab, ...(args as never[]));
  throw new FaultError(no('unsupported', 'OTHER_KIND', `a world has no command ${name}`));
};

/** Asks a lab in this thread. Answers come without a promise unless something makes them slow. */
export const inlinePort = (lab: Lab): Port => ({
  send: (request, signal) =>
    request.kind === 'command' ? command(lab, request) : ask(lab, request, signal),
  close: () => {},
});
