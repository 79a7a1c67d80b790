/**
 * What a person wants to have been told of a run's events: faults and what they led to, what people
 * did, what was refused. The ordinary ones are in the picture of the run already.
 */
import { PolicyActionType } from '../../../proto/gen/siteswap/v1/common.ts';
import { Decision, type RunEvent, RunEventType } from '../../../proto/gen/siteswap/v1/run.ts';
import { wordOf } from '../enums.ts';
import { clockTime, count, someOf } from '../words.ts';
import { actionText } from './preview.ts';
import { type Canvas, faultText } from './run.ts';

/** Items named in one line. */
const itemsShownMax = 3;

const faults = (event: RunEvent): string => {
  const [first] = event.faults;
  const items = someOf(event.itemIds, itemsShownMax);
  const text = first?.fault === undefined ? 'a fault' : faultText(first.fault);
  return `${items === '' ? '' : `${items}: `}${text}`;
};

const policy = (event: RunEvent): string | undefined => {
  // A rerun is in the picture while it waits; said each time, it would hide what matters.
  if (event.action?.type === PolicyActionType.RERUN) return undefined;
  const because = event.because === '' ? '' : ` (${event.because})`;
  return `${faults(event)} → ${actionText(event.action)}${because}`;
};

const unknowable = (event: RunEvent): string | undefined => {
  const [first] = event.unknowable;
  if (first === undefined) return undefined;
  return `in doubt: ${someOf(first.itemIds, itemsShownMax)}: ${first.why}`;
};

const told: Partial<Record<RunEventType, (event: RunEvent) => string | undefined>> = {
  [RunEventType.POLICY_APPLIED]: policy,
  [RunEventType.TASK_SETTLED]: unknowable,
  [RunEventType.TASK_INTERRUPTED]: ({ reason }) => `interrupted: ${reason}`,
  [RunEventType.CALL_REFUSED]: ({ verb, siteIds }) => `${verb} refused: ${siteIds[0]} is lost`,
  [RunEventType.RUN_CANCEL_REQUESTED]: ({ requester, reason }) =>
    `${requester} asked it to stop: ${reason}`,
  [RunEventType.RUN_PARKED]: ({ reason }) => `parked: ${reason}`,
  [RunEventType.RUN_RESUMED]: ({ requester, decision, policies }) => {
    const changed = Object.keys(policies);
    const with_ =
      changed.length === 0
        ? ''
        : `, with ${count(changed.length, 'other policy', 'other policies')}`;
    return `${requester} decided: ${wordOf(Decision, decision)}${with_}`;
  },
  [RunEventType.CLAIM_WAITS]: ({ runIds }) =>
    runIds.length === 0 ? undefined : `waits for run ${runIds.join(', run ')}`,
  [RunEventType.DONE_ELSEWHERE]: ({ itemIds, byRunId }) =>
    `skipped, for run ${byRunId} did it: ${someOf(itemIds, itemsShownMax)}`,
  [RunEventType.UNDO_REFUSED]: ({ itemIds, byRunId }) =>
    `not undone, for run ${byRunId} counts it as done: ${someOf(itemIds, itemsShownMax)}`,
  [RunEventType.RUN_TAKEN_OVER]: ({ memberId, epoch }) =>
    `taken over by member ${memberId} (epoch ${epoch})`,
  [RunEventType.RUN_SITE_LOST]: ({ siteIds }) => `site ${siteIds[0]} was declared lost`,
  [RunEventType.RUN_SITE_REACHABLE]: ({ siteIds }) => `site ${siteIds[0]} was declared reachable`,
};

/** One line about an event, or undefined when it is an ordinary one. */
export const eventLine = (event: RunEvent, canvas: Pick<Canvas, 'tone'>): string | undefined => {
  const text = told[event.type]?.(event);
  if (text === undefined) return undefined;
  const at = canvas.tone('quiet', clockTime(event.time?.getTime() ?? 0));
  const where = event.workgroupId === '' ? '' : `${event.workgroupId} ${event.step}: `;
  return `${at} ${canvas.tone('warn', '!')} ${where}${text}`;
};
