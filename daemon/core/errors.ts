/**
 * Every error that a caller can see: reason, gRPC code, owner, meaning, and what the caller does
 * next. `proto/README.md` shows this table; a test holds the two equal.
 */
import type { FaultOwner } from '../../sdk/plugin/fault.ts';

/** gRPC status codes by name, as far as they are used. */
export type StatusName =
  | 'CANCELLED'
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'PERMISSION_DENIED'
  | 'RESOURCE_EXHAUSTED'
  | 'FAILED_PRECONDITION'
  | 'ABORTED'
  | 'OUT_OF_RANGE'
  | 'UNIMPLEMENTED'
  | 'INTERNAL'
  | 'UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'DATA_LOSS';

interface Row {
  readonly code: StatusName;
  readonly owner: FaultOwner;
  readonly meaning: string;
  readonly next: string;
}

export const errorTable = {
  INVALID_REQUEST: {
    code: 'INVALID_ARGUMENT',
    owner: 'engine',
    meaning: 'A field is missing, malformed or out of bounds.',
    next: 'Correct the named field; the same request will always fail.',
  },
  PLAN_INVALID: {
    code: 'INVALID_ARGUMENT',
    owner: 'engine',
    meaning:
      'The plan cannot work as written (unknown VM or device, a VM in two groups, a cycle …).',
    next: 'Correct the plan at the named place; `validate` lists every problem at once.',
  },
  MOVE_INVALID: {
    code: 'INVALID_ARGUMENT',
    owner: 'engine',
    meaning: 'The disks cannot be moved as asked (VM off, datastore not mounted, a copy there …).',
    next: 'Correct the request at the named places, or what they name.',
  },
  PLAN_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'No plan has this id.',
    next: 'List the plans; create it first.',
  },
  PLAN_EXISTS: {
    code: 'ALREADY_EXISTS',
    owner: 'engine',
    meaning: 'Another plan has this id.',
    next: 'Update that plan with its etag, or choose another id.',
  },
  PLAN_CHANGED: {
    code: 'ABORTED',
    owner: 'engine',
    meaning: 'The plan was changed since you read it: the etag is not the current one.',
    next: 'Get the plan again, apply your change to it, and send its etag.',
  },
  PLAN_IN_USE: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'A run of this plan is not ended (or a disaster run over the loss of the site).',
    next: 'Wait for the named run, or resume it; a disaster run takes over from other modes.',
  },
  PLAN_STATE: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'The plan is not in the state that this mode, or a change of it, starts from.',
    next: 'Run one of the modes that the message names.',
  },
  RUN_REFUSED: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning:
      'The plan is sound, but a run cannot start as things stand: ' +
      'a pair is sick or lags, another run has its groups, or a call of an ended run is still ' +
      'under way.',
    next: 'Do what the message says, then start it again; `plan preview` shows every obstacle.',
  },
  DATA_DIVERGED: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning:
      'The site that was lost holds data that the other one does not: a reprotect overwrites it.',
    next: 'Choose: `keep` leaves a snapshot of it there, `discard` lets it go.',
  },
  REPAIR_STALE: {
    code: 'ABORTED',
    owner: 'engine',
    meaning: 'What was to be adopted is not what was shown: things have changed meanwhile.',
    next: 'Inspect again, look at it, and adopt that.',
  },
  REPAIR_UNCLEAR: {
    code: 'FAILED_PRECONDITION',
    owner: 'array',
    meaning: 'The arrays do not agree how the plan stands: nothing can be adopted.',
    next: 'Bring the groups that the message names in line at the arrays, then inspect again.',
  },
  ROLE_MISSING: {
    code: 'PERMISSION_DENIED',
    owner: 'engine',
    meaning: 'The call needs the role `injector`, and its caller has not shown that it has it.',
    next:
      'Send the token of `injector` in the configuration, from SITESWAP_INJECTOR_TOKEN for ' +
      '`siteswap inject`; set one first if there is none.',
  },
  INJECTIONS_IN_USE: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'A game day would mix with injections of somebody else (said by the client).',
    next: 'Look at the status; keep the rules by an export, switch off, remove them.',
  },
  INJECTIONS_PER_MEMBER: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'Injections are each member’s own, and a front is none.',
    next: 'Switch them at each member, at its own address; `siteswap members` tells who there is.',
  },
  RULE_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'No rule of injections has this name.',
    next: 'Correct the name: `siteswap inject status` has those of all rules.',
  },
  RUN_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'No run has this id.',
    next: 'List the runs.',
  },
  RUN_EXPIRED: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'The run ended so long ago that it was forgotten, its report too.',
    next: 'Nothing; to keep runs longer, raise `retention` in the configuration.',
  },
  RUN_NOT_PARKED: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'Only a parked or stuck run can be resumed.',
    next: 'Watch the run; resume it when it is parked.',
  },
  DECISION_REFUSED: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'The run cannot be resumed with this decision as it stands.',
    next: 'Choose one of the decisions that the run allows (GetRun lists them).',
  },
  RUN_ENDED: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'The run has ended; nothing of it can be changed.',
    next: 'Read its report; start a new run.',
  },
  REQUEST_KEY_REUSED: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'This requester used this request key for a different request.',
    next: 'Use a new request key for a new request.',
  },
  REQUEST_EXPIRED: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'The request key was used for a run that ended long ago and was forgotten.',
    next: 'The run was made: do not repeat it. Use a new request key for a new request.',
  },
  SITE_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'No site has this id.',
    next: 'List the sites; correct the id or the configuration.',
  },
  SITE_LOST: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'The site is declared lost: no call goes there.',
    next: 'Run in disaster mode, or declare the site reachable once it is.',
  },
  SITE_NOT_LOST: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning:
      'A disaster run promotes by force; ' +
      'that is only safe when the protected site is declared lost.',
    next: 'Declare the site lost (with a reason), or run in planned mode.',
  },
  REMOTE_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'No array or compute has this id.',
    next: 'List the arrays and computes; correct the id or the configuration.',
  },
  DEVICE_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'array',
    meaning: 'The array knows no device or consistency group with this id.',
    next: 'Discover the devices; correct the id.',
  },
  PLUGIN_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'No plugin has this id.',
    next: 'List the plugins; correct the id or the configuration.',
  },
  PLUGIN_FAILED: {
    code: 'UNAVAILABLE',
    owner: 'plugin',
    meaning: 'The plugin did not load, broke its contract, or does not answer.',
    next: 'Read the message; give it to the vendor; other plugins go on.',
  },
  REMOTE_UNREACHABLE: {
    code: 'UNAVAILABLE',
    owner: 'array',
    meaning: 'The array or compute did not answer.',
    next: 'Check it and its network; repeat the request. If its site is gone, declare it lost.',
  },
  VERB_UNSUPPORTED: {
    code: 'UNIMPLEMENTED',
    owner: 'plugin',
    meaning: 'The plugin does not offer this verb.',
    next: 'Never repeat it; see the capabilities in ListPlugins.',
  },
  PAGE_TOKEN_INVALID: {
    code: 'INVALID_ARGUMENT',
    owner: 'engine',
    meaning: 'The page token is not one of ours.',
    next: 'Start again without a token.',
  },
  CURSOR_OUT_OF_RANGE: {
    code: 'OUT_OF_RANGE',
    owner: 'engine',
    meaning: 'The cursor lies behind the newest event of the run.',
    next: 'Watch from the last cursor that you really received.',
  },
  WATCHER_TOO_SLOW: {
    code: 'RESOURCE_EXHAUSTED',
    owner: 'queue',
    meaning: 'The watcher fell too far behind and was cut.',
    next: 'Watch again from your last cursor; nothing is lost.',
  },
  TOO_MANY_RUNS: {
    code: 'RESOURCE_EXHAUSTED',
    owner: 'queue',
    meaning: 'The bound of open runs is reached.',
    next: 'End parked runs by a decision, or wait; then repeat with the same request key.',
  },
  TOO_MANY_WATCHERS: {
    code: 'RESOURCE_EXHAUSTED',
    owner: 'queue',
    meaning: 'The bound of watchers is reached.',
    next: 'Close watches that nobody reads; repeat later.',
  },
  CATALOG_MOVED: {
    code: 'ABORTED',
    owner: 'queue',
    meaning: 'Other members changed, again and again, what the request was judged by.',
    next: 'Repeat it, with the same request key.',
  },
  RUN_UNAVAILABLE: {
    code: 'UNAVAILABLE',
    owner: 'engine',
    meaning: 'The member that drives the run does not answer: nobody guesses in its place.',
    next: 'Repeat it: once another member has taken the run over, that one answers.',
  },
  NO_MEMBER: {
    code: 'UNAVAILABLE',
    owner: 'engine',
    meaning: 'No member is alive to take the request, or the one that was answering died.',
    next: 'Start one; `siteswap members` shows who is alive. Then repeat.',
  },
  MEMBER_NOT_FOUND: {
    code: 'NOT_FOUND',
    owner: 'engine',
    meaning: 'No member of the cluster has this id, or the daemon is in no cluster.',
    next: 'List the members.',
  },
  MEMBER_DRAINING: {
    code: 'UNAVAILABLE',
    owner: 'engine',
    meaning: 'This member hands over what it has and begins nothing.',
    next: 'Repeat against another member.',
  },
  JOURNAL_HELD: {
    code: 'UNAVAILABLE',
    owner: 'engine',
    meaning: 'The journal takes no entry now (disk full, server away): nothing new is started.',
    next: 'Make room; the daemon goes on by itself; repeat with the same request key.',
  },
  JOURNAL_DAMAGED: {
    code: 'DATA_LOSS',
    owner: 'engine',
    meaning: 'The journal lacks entries, or has some that are not what was written: damage.',
    next: 'Stop the daemon, keep its files; the ways out stand in docs/operations.md.',
  },
  SHUTTING_DOWN: {
    code: 'UNAVAILABLE',
    owner: 'engine',
    meaning: 'The daemon is ending.',
    next: 'Repeat against the restarted daemon.',
  },
  MESSAGE_TOO_LARGE: {
    code: 'RESOURCE_EXHAUSTED',
    owner: 'queue',
    meaning: 'The request or its answer is larger than a message may be (16 MiB).',
    next: 'Ask for less at once: fewer targets, a smaller page, less detail.',
  },
  METHOD_UNKNOWN: {
    code: 'UNIMPLEMENTED',
    owner: 'engine',
    meaning: 'The daemon has no such service or method; it may be older than the caller.',
    next: 'List the services by reflection; bring caller and daemon to one version.',
  },
  DAEMON_UNREACHABLE: {
    code: 'UNAVAILABLE',
    owner: 'engine',
    meaning: 'No daemon answers at this address, or the connection broke (said by the client).',
    next: 'Check the address and that the daemon runs; repeat with the same request key.',
  },
  CANCELLED: {
    code: 'CANCELLED',
    owner: 'engine',
    meaning: 'The caller gave the call up; a run that was started goes on.',
    next: 'Nothing, or repeat with the same request key: it returns the same run.',
  },
  ADDRESS_IN_USE: {
    code: 'FAILED_PRECONDITION',
    owner: 'engine',
    meaning: 'Another process listens at the address that the daemon was told to listen at.',
    next: 'End that process, or choose another address with --listen.',
  },
  ADDRESS_INVALID: {
    code: 'INVALID_ARGUMENT',
    owner: 'engine',
    meaning: 'The daemon cannot listen, or be reached, at this address.',
    next: 'Use unix:PATH in a writable folder, or a loopback HOST:PORT.',
  },
  DEADLINE: {
    code: 'DEADLINE_EXCEEDED',
    owner: 'engine',
    meaning: 'No answer within the deadline; a run that was started goes on.',
    next: 'Repeat with the same request key: it returns the same run.',
  },
  INTERNAL: {
    code: 'INTERNAL',
    owner: 'engine',
    meaning: 'A defect of Siteswap.',
    next: 'Report it with the call id; nothing journaled is lost.',
  },
} as const satisfies Record<string, Row>;

export type Reason = keyof typeof errorTable;

/** One problem of several (validation). */
export interface Violation {
  /** Where: a path into the request or plan, such as `protectionGroups[0].vms[3].id`. */
  readonly field: string;
  readonly message: string;
}

/** The one error that crosses floors to a caller. */
export class SiteswapError extends Error {
  readonly reason: Reason;
  /** What it is about: an id. */
  readonly subject: string;
  readonly violations: readonly Violation[];
  readonly vendorCode: string;
  /** Overrides the table's "next" where something better is known. */
  readonly hint: string;

  constructor(
    reason: Reason,
    message: string,
    more: {
      subject?: string;
      violations?: readonly Violation[];
      vendorCode?: string;
      hint?: string;
    } = {},
  ) {
    super(message);
    this.name = 'SiteswapError';
    this.reason = reason;
    this.subject = more.subject ?? '';
    this.violations = more.violations ?? [];
    this.vendorCode = more.vendorCode ?? '';
    this.hint = more.hint ?? errorTable[reason].next;
  }
}
