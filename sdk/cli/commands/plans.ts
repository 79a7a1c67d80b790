/** `plan …`: plans are written as files, and kept by the daemon. */
import type { Command } from 'commander';
import { Mode } from '../../../proto/gen/siteswap/v1/common.ts';
import { type Plan, PlanState, type StoredPlan } from '../../../proto/gen/siteswap/v1/plan.ts';
import { CallError } from '../../client/index.ts';
import { collect } from '../../client/pages.ts';
import { formatProblems, type Parsed } from '../../yaml/index.ts';
import { chosen, modeOption, readPlan } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordOf } from '../enums.ts';
import { usageError } from '../exit.ts';
import { atLines, type Written, withLines } from '../file-lines.ts';
import { filePathOf, planMessage, planYaml } from '../plan/file.ts';
import type { PlanFile } from '../plan/schema.ts';
import { table } from '../terminal.ts';
import { previewText } from '../views/preview.ts';
import { statusTone } from '../views/run.ts';
import { ago, count } from '../words.ts';

const written = (file: string, { locate }: Parsed<PlanFile>): Written => ({
  file,
  locate,
  pathOf: filePathOf,
});

/** What a daemon finds in the rest of a plan of which some places are wrong; nothing, if away. */
const foundInRest = async (
  cli: Cli,
  file: string,
  rest: Parsed<PlanFile> | undefined,
): Promise<readonly string[]> => {
  if (rest === undefined) return [];
  try {
    const { problems, obstacles } = await cli.client.plans.validate(planMessage(rest.value));
    const found = [...problems, ...obstacles];
    return found.length === 0
      ? []
      : ['and without these places:', ...atLines(written(file, rest), found)];
  } catch (error) {
    if (error instanceof CallError) return [];
    throw error;
  }
};

/** A sound plan file; throws with everything that is known to be wrong with it, at its lines. */
const soundPlan = async (cli: Cli, file: string, offline = false): Promise<Parsed<PlanFile>> => {
  const parsed = await readPlan(file);
  if (!('problems' in parsed)) return parsed;
  const more = offline ? [] : await foundInRest(cli, file, parsed.rest);
  const lines = [...formatProblems(parsed.problems).split('\n'), ...more];
  throw usageError(`${file} is not a plan`, 'Correct the places named above.', lines);
};

const current = async (cli: Cli, planId: string): Promise<StoredPlan | undefined> => {
  try {
    return await cli.client.plans.get(planId);
  } catch (error) {
    if (error instanceof CallError && error.reason === 'PLAN_NOT_FOUND') return undefined;
    throw error;
  }
};

const apply = async (cli: Cli, file: string): Promise<void> => {
  const parsed = await soundPlan(cli, file);
  const plan = planMessage(parsed.value);
  const { plans } = cli.client;
  const earlier = await current(cli, plan.id);
  const stored = await withLines(
    written(file, parsed),
    earlier === undefined ? plans.create(plan) : plans.update(plan, earlier.etag),
  );
  const change = earlier === undefined ? 'created' : 'updated';
  cli.answer({ change, ...stored }, () => `plan ${plan.id} ${change}`);
};

const validate = async (cli: Cli, file: string, offline: boolean): Promise<void> => {
  const parsed = await soundPlan(cli, file, offline);
  const answer = offline
    ? { problems: [], obstacles: [], warnings: [] }
    : await cli.client.plans.validate(planMessage(parsed.value));
  const { problems, obstacles, warnings } = answer;
  if (problems.length > 0) {
    const later = obstacles.length === 0 ? [] : ['and a run of it would be refused now:'];
    const lines = [
      ...atLines(written(file, parsed), problems),
      ...later,
      ...(obstacles.length === 0 ? [] : atLines(written(file, parsed), obstacles)),
    ];
    const what = `${file}: ${count(problems.length, 'problem')}`;
    throw usageError(what, 'Correct the places named above.', lines);
  }
  const { terminal } = cli;
  cli.answer(answer, () =>
    [
      ...(warnings.length === 0 ? [] : atLines(written(file, parsed), warnings)),
      `${terminal.tone('good', '✔')} ${file} can be applied` +
        (offline ? ' (not asked a daemon)' : ''),
      ...(obstacles.length === 0
        ? []
        : ['a run of it would be refused now:', ...atLines(written(file, parsed), obstacles)]),
    ].join('\n'),
  );
};

const vmsOf = (plan: Plan): string => {
  const named = plan.protectionGroups.reduce((sum, { vms }) => sum + (vms?.vms.length ?? 0), 0);
  return plan.protectionGroups.some(({ vms }) => vms === undefined) ? 'found' : String(named);
};

const planTable = (plans: readonly StoredPlan[], { terminal }: Cli): string =>
  table(
    terminal,
    [
      'plan',
      'name',
      'protected',
      'recovery',
      { title: 'VMs', align: 'right' },
      'state',
      'run',
      'saved',
    ],
    plans.map(({ plan, state, openRunId, savedTime }) => {
      const word = wordOf(PlanState, state);
      return [
        plan?.id ?? '',
        plan?.name ?? '',
        plan?.protectedSiteId ?? '',
        plan?.recoverySiteId ?? '',
        plan === undefined ? '' : vmsOf(plan),
        terminal.tone(word === 'ready' ? 'good' : statusTone(word), word),
        openRunId,
        savedTime === undefined ? '–' : ago(+savedTime, terminal.now()),
      ];
    }),
  );

const example = `
  id: billing
  protectedSite: east
  recoverySite: west
  protectionGroups:
    - id: databases
      groups: [array-east/cg-1]
      vms:
        - {id: db-1, priority: 1}
        - {id: app-1, dependsOn: [db-1]}
  policies:
    promote-target: {rerun: {attemptsMax: 5}}`;

const addChanging = (plan: Command, cli: Cli): void => {
  plan
    .command('apply')
    .summary('create or update a plan from a file')
    .description('Creates the plan of a file, or updates it. Problems are shown at their lines.')
    .argument('<file>', 'a YAML file; `-` is standard input')
    .addHelpText(
      'after',
      `\nExamples:\n  siteswap plan apply billing.yaml\n\nA plan file:${example}`,
    )
    .action((file: string) => apply(cli, file));
  plan
    .command('validate')
    .summary('check a plan file without storing it')
    .description('Checks a plan file against its form and the inventory. Nothing is stored.')
    .argument('<file>', 'a YAML file; `-` is standard input')
    .option('--offline', 'check the form only; asks no daemon')
    .addHelpText('after', '\nExamples:\n  siteswap plan validate billing.yaml')
    .action((file: string, { offline = false }) => validate(cli, file, offline));
  plan
    .command('delete')
    .summary('delete a plan; its runs stay')
    .description('Deletes a plan. Its runs and their reports stay.')
    .argument('<plan>', 'its id')
    .addHelpText('after', '\nExamples:\n  siteswap plan delete billing')
    .action(async (planId: string) => {
      const { etag } = await cli.client.plans.get(planId);
      await cli.client.plans.delete(planId, etag);
      cli.answer({ planId }, () => `plan ${planId} deleted`);
    });
};

/** Adds the commands. */
export const addPlans = (program: Command, cli: Cli): void => {
  const plan = program
    .command('plan')
    .summary('keep and preview plans')
    .description('Keeps and previews plans.');
  addChanging(plan, cli);
  plan
    .command('list')
    .summary('list plans and what can be run next')
    .description('Lists the plans, with their state.')
    .addHelpText('after', '\nExamples:\n  siteswap plan list')
    .action(async () => {
      const plans = await collect(cli.client.plans.list());
      cli.answer(plans, () => planTable(plans, cli));
    });
  plan
    .command('get')
    .summary('print a plan as a file')
    .description('Prints a plan as a file that `plan apply` takes.')
    .argument('<plan>', 'its id')
    .addHelpText('after', '\nExamples:\n  siteswap plan get billing > billing.yaml')
    .action(async (planId: string) => {
      const stored = await cli.client.plans.get(planId);
      cli.answer(stored, () => (stored.plan ? planYaml(stored.plan).trimEnd() : ''));
    });
  plan
    .command('preview')
    .summary('show what a run would do; touches nothing')
    .description('Shows the steps, workgroups, order and policies of a run. Touches nothing.')
    .argument('<plan>', 'its id')
    .addOption(modeOption())
    .addHelpText('after', '\nExamples:\n  siteswap plan preview billing --mode planned')
    .action(async (planId: string, { mode }: { mode: string }) => {
      const preview = await cli.client.plans.preview(planId, chosen(Mode, mode));
      cli.answer(preview, () => previewText(preview, cli.terminal));
    });
};
