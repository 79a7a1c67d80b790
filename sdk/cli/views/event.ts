/**
 * What a person wants to have been told of a run's events: faults and what they led to, what people
 * did, what was refused. The ordinary ones are in the picture of the run already.
 */
import { PolicyActionType } from '../../../proto/gen/siteswap/v1/common.ts';
import {
  Decision,
  type RunEvent,
  RunEventType,
  TaskDirection,
} from '../../../proto/gen/siteswap/v1/run.ts';
import { wordOf } from '../enums.ts';
import { clockTime, count, someOf } from '../words.ts';
import { actionText } from './preview.ts';
import { type Canvas, faultText, type LogLine } from './run.ts';

/** Items and workgroups named in one line. */
const itemsShownMax = 3;
const workgroupsShownMax = 3;

/** What is told of an event, and of which items. */
interface Told {
  readonly text: string;
  readonly itemIds?: readonly string[];
  /** It went as it was meant to: nothing to be alarmed at. */
  readonly calm?: true;
}

/** The picture counts what is done; what is taken back is only told here. */
const outcome = (event: RunEvent): Told | undefined => {
  if (event.direction !== TaskDirection.UNDO) return undefined;
  const [first] = event.faults;
  if (first?.fault === undefined) return { text: 'undone', calm: true };
  // It is tried again by itself; said each time, it would hide what matters.
  if (event.attempt > 1) return undefined;
  return { text: `not undone: ${faultText(first.fault)}`, itemIds: first.itemIds };
};

const policy = (event: RunEvent): Told | undefined => {
  // A rerun is in the picture while it waits; said each time, it would hide what matters.
  if (event.action?.type === PolicyActionType.RERUN) return undefined;
  const [first] = event.faults;
  const fault = first?.fault === undefined ? 'a fault' : faultText(first.fault);
  const because = event.because === '' ? '' : ` (${event.because})`;
  const text = `${fault} → ${actionText(event.action)}${because}`;
  return { text, itemIds: first?.itemIds ?? [] };
};

const unknowable = (event: RunEvent): Told | undefined => {
  const [first] = event.unknowable;
  return first && { text: `in doubt: ${first.why}`, itemIds: first.itemIds };
};

const resumed = ({ requester, decision, policies }: RunEvent): Told => {
  const changed = Object.keys(policies);
  const others = count(changed.length, 'other policy', 'other policies');
  const text = `${requester} decided: ${wordOf(Decision, decision)}`;
  return { text: changed.length === 0 ? text : `${text}, with ${others}` };
};

const told: Partial<Record<RunEventType, (event: RunEvent) => Told | undefined>> = {
  [RunEventType.TASK_OUTCOME]: outcome,
  [RunEventType.POLICY_APPLIED]: policy,
  [RunEventType.TASK_SETTLED]: unknowable,
  [RunEventType.TASK_INTERRUPTED]: ({ reason }) => ({ text: `interrupted: ${reason}` }),
  [RunEventType.CALL_REFUSED]: ({ verb, siteIds }) => ({
    text: `${verb} refused: ${siteIds[0]} is lost`,
  }),
  [RunEventType.RUN_CANCEL_REQUESTED]: ({ requester, reason }) => ({
    text: `${requester} asked it to stop: ${reason}`,
  }),
  [RunEventType.RUN_PARKED]: ({ reason }) => ({ text: `parked: ${reason}` }),
  [RunEventType.RUN_RESUMED]: resumed,
  [RunEventType.CLAIM_WAITS]: ({ runIds, reason }) => {
    const parked = reason === '' ? '' : ` (${reason})`;
    return runIds.length === 0
      ? undefined
      : { text: `waits for run ${runIds.join(', run ')}${parked}` };
  },
  [RunEventType.DONE_ELSEWHERE]: ({ itemIds, byRunId }) => ({
    text: `skipped, for run ${byRunId} did it`,
    itemIds,
  }),
  [RunEventType.UNDO_REFUSED]: ({ itemIds, byRunId }) => ({
    text: `not undone, for run ${byRunId} counts it as done`,
    itemIds,
  }),
  [RunEventType.RUN_TAKEN_OVER]: ({ memberId, epoch }) => ({
    text: `taken over by member ${memberId} (epoch ${epoch})`,
  }),
  [RunEventType.RUN_SITE_LOST]: ({ siteIds }) => ({ text: `site ${siteIds[0]} was declared lost` }),
  [RunEventType.RUN_SITE_REACHABLE]: ({ siteIds }) => ({
    text: `site ${siteIds[0]} was declared reachable`,
  }),
};

/** A line to come; more events may say the same of other workgroups and items. */
export interface Telling {
  readonly atMs: number;
  readonly text: string;
  readonly step: string;
  readonly workgroupIds: readonly string[];
  readonly itemIds: readonly string[];
  readonly calm: boolean;
}

/** What an event has to say, or undefined when it is an ordinary one. */
export const tellingOf = (event: RunEvent): Telling | undefined => {
  const said = told[event.type]?.(event);
  if (said === undefined) return undefined;
  return {
    atMs: event.time?.getTime() ?? 0,
    text: said.text,
    step: event.step,
    workgroupIds: event.workgroupId === '' ? [] : [event.workgroupId],
    itemIds: said.itemIds ?? [],
    calm: said.calm === true,
  };
};

/** Without the names of its items, which faults like to repeat. */
const sense = ({ step, text, itemIds }: Telling): string =>
  JSON.stringify([step, itemIds.reduce((left, id) => left.replaceAll(id, '*'), text)]);

/** What differs in workgroup and items alone is said once, in the words of the first. */
const folded = (tellings: readonly Telling[]): readonly Telling[] => {
  const found = new Map<string, Telling>();
  for (const telling of tellings) {
    const key = sense(telling);
    const first = found.get(key);
    found.set(key, {
      ...(first ?? telling),
      workgroupIds: [...(first?.workgroupIds ?? []), ...telling.workgroupIds],
      itemIds: [...(first?.itemIds ?? []), ...telling.itemIds],
    });
  }
  return [...found.values()];
};

/** Lines for people about what was told since the last picture. */
export const tellingLines = (
  tellings: readonly Telling[],
  canvas: Pick<Canvas, 'tone'>,
): readonly LogLine[] =>
  folded(tellings).map(({ atMs, text, step, workgroupIds, itemIds, calm }) => {
    const at = canvas.tone('quiet', clockTime(atMs));
    const groups = someOf([...new Set(workgroupIds)], workgroupsShownMax);
    const where = groups === '' ? '' : `${groups} ${step}: `;
    const items = someOf([...new Set(itemIds)], itemsShownMax);
    const whose = items === '' ? '' : `${items}: `;
    const mark = calm ? canvas.tone('good', '↶') : canvas.tone('warn', '!');
    return { atMs, text: `${at} ${mark} ${where}${whose}${text}` };
  });
