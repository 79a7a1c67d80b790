/** The faults of calls that did not pass the gateway, or were not waited for any longer. */
import type { Fault } from '../../sdk/plugin/fault.ts';
import { codes } from '../host/faults.ts';

/** `under-way`: the call had left, so its effect is in doubt; otherwise nothing was sent. */
export const lostFault = (siteId: string, verb: string, when?: 'under-way'): Fault => ({
  kind: 'unreachable',
  owner: 'engine',
  message:
    when === 'under-way'
      ? `site ${siteId} was declared lost while ${verb} was under way there`
      : `site ${siteId} is declared lost: ${verb} was not sent`,
  code: when === 'under-way' ? codes.cutOff : codes.siteLost,
  hint: 'Run in disaster mode, or declare the site reachable once it is.',
});

export const deadlineFault = (remoteId: string, verb: string): Fault => ({
  kind: 'timeout',
  owner: 'array',
  message: `${remoteId} did not answer ${verb} by its deadline`,
  code: codes.deadline,
  hint: 'Check the remote and the network to it.',
});

export const notAskedFault = (verb: string): Fault => ({
  kind: 'unsupported',
  owner: 'engine',
  message: `${verb} changes something, and this only asks what became of an earlier call`,
});
