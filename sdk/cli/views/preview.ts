/** What a run would do, for people: the steps with their policies, the workgroups, what waits. */
import {
  FaultKind,
  Mode,
  type Policy,
  type PolicyAction,
  PolicyActionType,
  Reach,
  Side,
  Unit,
} from '../../../proto/gen/siteswap/v1/common.ts';
import {
  GateKind,
  Path,
  type PreviewGate,
  type PreviewPlanResponse,
  type PreviewWorkgroup,
  Undo,
} from '../../../proto/gen/siteswap/v1/plan.ts';
import { wordOf } from '../enums.ts';
import { type Terminal, table } from '../terminal.ts';
import { count, duration, someOf, violationText } from '../words.ts';

type Ink = Pick<Terminal, 'tone'>;

/** Workgroups and gates listed one by one before the rest is counted. */
const shownMax = 40;

/** `stop workgroup`, `rerun 8×`. */
export const actionText = (action: PolicyAction | undefined): string => {
  if (action === undefined) return 'stop workgroup';
  const type = wordOf(PolicyActionType, action.type);
  if (action.type === PolicyActionType.RERUN) return `${type} ${action.attemptsMax}×`;
  const reach = wordOf(Reach, action.reach);
  return reach === '' ? type : `${type} ${reach}`;
};

/** `busy: rerun 8×; else stop workgroup`. */
export const policyText = (policy: Policy | undefined): string => {
  const rules = (policy?.rules ?? []).map((rule) => {
    const kinds = rule.kinds.map((kind) => wordOf(FaultKind, kind));
    return `${[...kinds, ...rule.codes].join(', ') || 'any'}: ${actionText(rule.action)}`;
  });
  const otherwise = actionText(policy?.otherwise);
  return rules.length === 0 ? otherwise : `${rules.join('; ')}; else ${otherwise}`;
};

/** Steps with the same policy share a letter; what the letters say stands below, once. */
const steps = (preview: PreviewPlanResponse, ink: Ink): string => {
  const policies = [...new Set(preview.steps.map(({ policy }) => policyText(policy)))];
  const letterOf = (text: string) => String.fromCharCode(97 + policies.indexOf(text));
  const rows = table(
    ink,
    ['step', 'of', 'at', { title: 'deadline', align: 'right' }, 'undo', 'on a fault'],
    preview.steps.map((step) => [
      step.name,
      step.unit === Unit.VM ? 'VMs' : 'groups',
      step.side === Side.PROTECTED ? preview.protectedSiteId : preview.recoverySiteId,
      duration(step.timeoutMs),
      step.undo === Undo.UNDO ? 'yes' : wordOf(Undo, step.undo).replaceAll('-', ' '),
      letterOf(policyText(step.policy)),
    ]),
  );
  const legend = policies.map((text) => `  ${ink.tone('quiet', letterOf(text))} ${text}`);
  return [rows, '', ...legend].join('\n');
};

const remotesOf = (group: PreviewWorkgroup): string => {
  const [from, to] =
    group.unit === Unit.VM
      ? [group.protectedComputeId, group.recoveryComputeId]
      : [group.protectedArrayId, group.recoveryArrayId];
  return from === '' ? to : `${from} → ${to}`;
};

/** Which way each goes is only told where not all go the same, ordinary one. */
const workgroups = (preview: PreviewPlanResponse, ink: Ink): string => {
  const mixed = preview.workgroups.some(({ path }) => path !== Path.COLD);
  return table(
    ink,
    [
      'workgroup',
      'protection group',
      { title: 'priority', align: 'right' },
      'stands on',
      ...(mixed ? ['path'] : []),
      '',
      'items',
    ],
    preview.workgroups
      .slice(0, shownMax)
      .map((group) => [
        group.id,
        group.protectionGroupId,
        String(group.priority),
        group.unit === Unit.VM ? group.storageWorkgroupId : '',
        ...(mixed ? [wordOf(Path, group.path)] : []),
        remotesOf(group),
        `${group.itemIds.length}: ${someOf(group.itemIds, 4)}`,
      ]),
  );
};

const gateLine = ({ kind, waits, holds }: PreviewGate, ink: Ink): string => {
  const held = someOf(holds?.workgroupIds ?? [], 6);
  const awaited = someOf(waits?.workgroupIds ?? [], 6);
  const word = ink.tone('quiet', wordOf(GateKind, kind).padEnd(11));
  return `  ${word} ${holds?.step} of ${held} waits for ${waits?.step} of ${awaited}`;
};

const more = (amount: number, ink: Ink): string[] =>
  amount > 0 ? [ink.tone('quiet', `  and ${amount} more: --json shows them`)] : [];

/** What is in the way of a run, then what its author should know. */
export const findingsText = (
  { obstacles, warnings }: Partial<Pick<PreviewPlanResponse, 'obstacles' | 'warnings'>>,
  ink: Ink,
): string[] => {
  return [
    ...(obstacles ?? []).map((found) => `${ink.tone('bad', '✘')} ${violationText(found)}`),
    ...(warnings ?? []).map((found) => `${ink.tone('warn', '!')} ${violationText(found)}`),
  ];
};

/** The whole preview. */
export const previewText = (preview: PreviewPlanResponse, ink: Ink): string => {
  const mode = wordOf(Mode, preview.mode);
  const items = (unit: Unit) =>
    preview.workgroups
      .filter((group) => group.unit === unit)
      .reduce((sum, group) => sum + group.itemIds.length, 0);
  const title = ink.tone('strong', `${mode} run of ${preview.planId}`);
  const groups = count(items(Unit.STORAGE), 'consistency group');
  const amounts = `${count(items(Unit.VM), 'VM')} on ${groups}`;
  const way = `${preview.protectedSiteId} → ${preview.recoverySiteId}`;
  const limits = Object.entries(preview.inFlightMax).map(([id, most]) => `${id} ${most}`);
  return [
    `${title}  ${way}  ${amounts}`,
    ink.tone('quiet', 'a preview: nothing is touched'),
    ...findingsText(preview, ink),
    '',
    steps(preview, ink),
    '',
    workgroups(preview, ink),
    ...more(preview.workgroups.length - shownMax, ink),
    ...(preview.gates.length === 0
      ? []
      : ['', ...preview.gates.slice(0, shownMax).map((gate) => gateLine(gate, ink))]),
    ...more(preview.gates.length - shownMax, ink),
    '',
    ink.tone('quiet', `in flight at the most: ${someOf(limits, 8)}`),
  ].join('\n');
};
