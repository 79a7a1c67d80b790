/** ReplicationService: each changing verb is a device run, waited for within the deadline. */
import type { RecoveryPoint } from '../../proto/gen/siteswap/v1/inventory.ts';
import {
  type GroupTarget,
  ReplicationServiceService,
  type ResyncRequest,
  type SnapshotsResult,
  type SyncResult,
  SyncState,
  type TargetResult,
} from '../../proto/gen/siteswap/v1/replication.ts';
import type { Snapshot } from '../../sdk/plugin/model.ts';
import type { SyncStatus, ValueAnswer } from '../../sdk/plugin/verbs.ts';
import { SiteswapError } from '../core/errors.ts';
import type { ItemReport, RunView } from '../core/view.ts';
import type { DeviceRequest, Engine } from '../runner/service.ts';
import type { DeviceVerb } from '../steps/device.ts';
import type { Call, Calls, Service } from './calls.ts';
import { Problems } from './check.ts';
import { deadlineMarginMs, replicationDeadlineMsMax, targetsPerRequestMax } from './limits.ts';
import { momentTo, recoveryPointTo } from './translate-inventory.ts';
import { faultTo } from './translate-policy.ts';
import { divergedFrom } from './translate-recovery.ts';
import { directions, syncStates } from './vocabulary.ts';

interface Targeted {
  readonly arrayId: string;
  readonly targets: readonly GroupTarget[];
}

interface Request extends Targeted {
  readonly requester: string;
  readonly requestKey: string;
  readonly initiatorId: string;
}

const checkTargets = (request: Targeted, problems: Problems): void => {
  if (request.targets.length === 0) problems.add('targets', 'is empty');
  checkNamed(request, problems);
};

const checkNamed = ({ arrayId, targets }: Targeted, problems: Problems): void => {
  problems.text('arrayId', arrayId);
  if (targets.length > targetsPerRequestMax) {
    problems.add('targets', `holds more than ${targetsPerRequestMax}`);
    return;
  }
  const seen = new Set<string>();
  targets.forEach(({ id, deviceIds }, index) => {
    problems.text(`targets[${index}].id`, id);
    if (seen.has(id)) problems.add(`targets[${index}].id`, 'stands there twice');
    seen.add(id);
    deviceIds.forEach((device, at) => {
      problems.text(`targets[${index}].deviceIds[${at}]`, device);
    });
  });
};

/** The call's signal, and its deadline a little early; `end` lets go of both. */
const patience = (call: Call): { readonly signal: AbortSignal; readonly end: () => void } => {
  const wantedMs = call.deadlineMs === undefined ? Infinity : call.deadlineMs - Date.now();
  const leftMs = Math.min(Math.max(0, wantedMs), replicationDeadlineMsMax);
  const over = new AbortController();
  const abort = () => over.abort();
  // Not AbortSignal.timeout: it would stand for minutes behind a call that took milliseconds.
  const timer = setTimeout(abort, leftMs - deadlineMarginMs(leftMs));
  if (call.signal.aborted) abort();
  call.signal.addEventListener('abort', abort, { once: true });
  const end = () => {
    clearTimeout(timer);
    call.signal.removeEventListener('abort', abort);
  };
  return { signal: over.signal, end };
};

/** Waits until the run can do no more by itself; DEADLINE, just ahead of the caller, names it. */
const untilSettled = async (engine: Engine, runId: string, call: Call): Promise<RunView> => {
  const { signal, end } = patience(call);
  try {
    for await (const page of engine.watchRun(runId, 0, signal)) {
      const run = await engine.getRun(runId, 'basic');
      if (page.last || run.status === 'parked' || run.status === 'stuck') return run;
    }
  } finally {
    end();
  }
  if (call.signal.reason instanceof SiteswapError) throw call.signal.reason;
  const run = await engine.getRun(runId, 'basic');
  if (run.status === 'ended') return run;
  throw new SiteswapError('DEADLINE', `run ${runId} is not ended yet; it goes on`, {
    subject: runId,
  });
};

type Asked = Pick<DeviceRequest, 'verb' | 'arrayId'>;

/** As of when the data is consistent, where the array has said so. */
const pointIn = ({ evidence, recoveryPointBy }: ItemReport): RecoveryPoint | undefined => {
  const { recoveryPoint, recoveryPointAtMs: atMs, recoveryPointBy: by } = evidence;
  if (typeof atMs !== 'number') return undefined;
  const id = recoveryPoint === undefined ? '' : String(recoveryPoint);
  return recoveryPointTo({ id, atMs, by: String(by ?? recoveryPointBy ?? '') });
};

/** `ended`: nothing of the run is open any more, so what is not done has failed. */
const resultOf = (
  { verb, arrayId }: Asked,
  targetId: string,
  item: ItemReport | undefined,
  run: RunView,
): TargetResult => {
  if (item?.outcome === 'done') {
    const operation = { verb, saidBy: arrayId, endTime: momentTo(item.doneAtMs) };
    const consistent = pointIn(item);
    const value = { evidence: { ...item.evidence }, operation, consistent };
    return { targetId, outcome: { $case: 'success', value } };
  }
  const fault = item?.fault && faultTo(item.fault);
  const inDoubt = item?.outcome === 'in-doubt';
  if (fault && !inDoubt && (run.status === 'ended' || item.outcome === 'failed')) {
    return { targetId, outcome: { $case: 'fault', value: fault } };
  }
  const why = item?.why || run.attention || 'the run holds no result for it';
  return { targetId, outcome: { $case: 'open', value: { why, inDoubt, fault } } };
};

const operate = async (
  engine: Engine,
  verb: DeviceVerb,
  request: Request,
  args: DeviceRequest['args'],
  call: Call,
) => {
  const { arrayId, targets, requester, requestKey, initiatorId } = request;
  const problems = new Problems();
  checkTargets(request, problems);
  problems.text('requester', requester);
  problems.optionalText('requestKey', requestKey);
  problems.optionalText('initiatorId', initiatorId);
  problems.end(arrayId);
  const started = await engine.startDeviceRun({
    verb,
    arrayId,
    targets,
    args,
    requester,
    requestKey,
    initiatorId,
  });
  call.began?.(started.runId);
  const run = await untilSettled(engine, started.runId, call);
  const { items } = await engine.reportRun(started.runId);
  const byId = new Map(items.map((item) => [item.itemId, item]));
  const asked = { verb, arrayId };
  const results = targets.map(({ id }) => resultOf(asked, id, byId.get(id), run));
  return { runId: started.runId, existing: started.existing, results };
};

const rolesFrom = (given: Readonly<Record<string, string>>): DeviceRequest['args'] => {
  const problems = new Problems();
  const to = Object.fromEntries(
    Object.entries(given).map(([device, value]) => [
      device,
      problems.word(`directions[${device}]`, directions.decode(value), value, 'none'),
    ]),
  );
  problems.end();
  return Object.keys(to).length > 0 ? { to } : {};
};

const syncResultOf = (answer: ValueAnswer<SyncStatus>): SyncResult => {
  const targetId = answer.id;
  if ('fault' in answer) {
    return { targetId, outcome: { $case: 'fault', value: faultTo(answer.fault) } };
  }
  const { state, progress, recoveryPoint } = answer.value;
  const status = {
    state: syncStates.encode(state) ?? SyncState.UNSPECIFIED,
    progress,
    recoveryPoint: recoveryPoint && recoveryPointTo(recoveryPoint),
  };
  return { targetId, outcome: { $case: 'status', value: status } };
};

const snapshotsResultOf = (answer: ValueAnswer<readonly Snapshot[]>): SnapshotsResult => {
  const targetId = answer.id;
  if ('fault' in answer) {
    return { targetId, outcome: { $case: 'fault', value: faultTo(answer.fault) } };
  }
  const snapshots = answer.value.map(({ name, atMs }) => ({ name, time: new Date(atMs) }));
  snapshots.sort((one, other) => +one.time - +other.time);
  return { targetId, outcome: { $case: 'snapshots', value: { snapshots } } };
};

const listSnapshots = async (engine: Engine, request: Targeted) => {
  const problems = new Problems();
  checkNamed(request, problems);
  problems.end(request.arrayId);
  const answers = await engine.listSnapshots(request.arrayId, request.targets);
  return { results: answers.map(snapshotsResultOf) };
};

type Preference = Request & { readonly siteId: string };

const setSitePreference = (engine: Engine, request: Preference, call: Call) => {
  const problems = new Problems();
  problems.text('siteId', request.siteId);
  problems.end(request.arrayId);
  return operate(engine, 'setSitePreference', request, { siteId: request.siteId }, call);
};

const resync = (engine: Engine, request: ResyncRequest, call: Call) => {
  const problems = new Problems();
  // Without a word nothing is let go.
  const changes = divergedFrom(request, problems) ?? 'keep';
  problems.end(request.arrayId);
  return operate(engine, 'resync', request, { changes }, call);
};

const removeSnapshot = (engine: Engine, request: Request & { name: string }, call: Call) => {
  const problems = new Problems();
  problems.text('name', request.name);
  problems.end(request.arrayId);
  return operate(engine, 'removeSnapshot', request, { name: request.name }, call);
};

export const replicationService = (engine: Engine, calls: Calls): Service => {
  const by = (verb: DeviceVerb) => (request: Request, call: Call) =>
    operate(engine, verb, request, {}, call);
  return calls.service(
    ReplicationServiceService,
    {
      sync: by('sync'),
      querySync: async (request) => {
        const problems = new Problems();
        checkTargets(request, problems);
        problems.end(request.arrayId);
        const answers = await engine.querySync(request.arrayId, request.targets);
        return { results: answers.map(syncResultOf) };
      },
      prepareFailover: by('prepareFailover'),
      failover: (request, call) =>
        operate(engine, 'failover', request, { force: request.force }, call),
      testFailoverStart: by('testFailoverStart'),
      testFailoverStop: by('testFailoverStop'),
      reverse: by('reverse'),
      resync: (request, call) => resync(engine, request, call),
      restore: (request, call) =>
        operate(engine, 'restoreReplication', request, rolesFrom(request.directions), call),
      setSitePreference: (request, call) => setSitePreference(engine, request, call),
      listSnapshots: (request) => listSnapshots(engine, request),
      removeSnapshot: (request, call) => removeSnapshot(engine, request, call),
    },
    Number.POSITIVE_INFINITY,
  );
};
