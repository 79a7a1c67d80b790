/** `run`, `runs`, `watch`, `report`, `resume`, `cancel`: runs, started, followed and steered. */
import { type Command, Option } from 'commander';
import { Mode } from '../../../proto/gen/siteswap/v1/common.ts';
import {
  Decision,
  DivergedChoice,
  RunDetail,
  RunStatus,
  type RunSummary,
} from '../../../proto/gen/siteswap/v1/run.ts';
import { chosen, modeOption, policyOption, readPolicyOptions, wholeNumber } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordOf, wordsOf } from '../enums.ts';
import { follow } from '../follow.ts';
import { table } from '../terminal.ts';
import { findingsText } from '../views/preview.ts';
import { reportText } from '../views/report.ts';
import { outcomeOf, statusTone } from '../views/run.ts';
import { dateTime, duration } from '../words.ts';

/** Runs listed when nobody says how many. */
const runsShown = 50;

const runTable = (runs: readonly RunSummary[], { terminal }: Cli): string =>
  table(
    terminal,
    ['run', 'plan', 'mode', 'state', 'started', { title: 'took', align: 'right' }, 'by'],
    runs.map((run) => {
      const outcome = outcomeOf(run);
      const startMs = run.startTime?.getTime() ?? 0;
      return [
        run.runId,
        run.planId || run.about,
        wordOf(Mode, run.mode),
        terminal.tone(statusTone(outcome), outcome),
        dateTime(startMs),
        duration((run.endTime?.getTime() ?? terminal.now()) - startMs),
        run.requester,
      ];
    }),
  );

interface StartOptions {
  readonly mode: string;
  readonly key?: string;
  readonly policy?: string[];
  readonly diverged?: string;
  readonly detach?: true;
}

const start = async (cli: Cli, planId: string, options: StartOptions): Promise<void> => {
  const started = await cli.client.runs.start({
    planId,
    mode: chosen(Mode, options.mode),
    requester: cli.requester,
    requestKey: options.key ?? '',
    policies: await readPolicyOptions(options.policy),
    ...(options.diverged !== undefined && { diverged: chosen(DivergedChoice, options.diverged) }),
  });
  for (const line of findingsText({ warnings: started.warnings }, cli.terminal)) {
    cli.terminal.note(line);
  }
  if (cli.json) cli.line(started);
  else if (options.detach) cli.terminal.print(started.runId);
  else if (started.existing) cli.terminal.note(`run ${started.runId} was started earlier`);
  if (!options.detach) cli.exitCode = await follow(cli, started.runId, 0);
};

const addRun = (program: Command, cli: Cli): void => {
  program
    .command('run')
    .summary('run a plan and follow it')
    .description(
      'Runs a plan and follows the run until it has ended or needs a person. Ctrl-C ends only ' +
        'the following. With --json: the run id, then one event per line.',
    )
    .argument('<plan>', 'id of the plan')
    .addOption(modeOption())
    .option('--key <key>', 'your name for this request: repeating it returns the same run')
    .addOption(policyOption())
    .addOption(
      new Option(
        '--diverged <choice>',
        'reprotect after a disaster: what becomes of data that only the returned site holds',
      ).choices(wordsOf(DivergedChoice)),
    )
    .option('--detach', 'print the run id and return at once')
    .addHelpText(
      'after',
      `
Examples:
  siteswap run billing --mode test
  siteswap run billing --mode planned --key "move of 3 May"
  siteswap run billing --mode planned --policy power-on=continue --policy sync=rerun:3
  siteswap run billing --mode disaster --detach
  siteswap run billing --mode fence
  siteswap run billing --mode reprotect --diverged keep`,
    )
    .action((planId: string, options: StartOptions) => start(cli, planId, options));
};

interface ListOptions {
  readonly plan?: string;
  readonly open?: true;
  readonly limit: number;
}

const list = async (cli: Cli, { plan: planId, open, limit }: ListOptions): Promise<void> => {
  const filter = { openOnly: open === true, ...(planId !== undefined && { planId }) };
  const runs: RunSummary[] = [];
  for await (const run of cli.client.runs.list(filter)) {
    if (runs.push(run) >= limit) break;
  }
  cli.answer(runs, () => runTable(runs, cli));
};

const addLooking = (program: Command, cli: Cli): void => {
  program
    .command('runs')
    .summary('list runs, the newest first')
    .description('Lists runs, the newest first.')
    .option('--plan <id>', 'only those of this plan')
    .option('--open', 'only those that are not ended')
    .option('--limit <n>', 'how many at the most', wholeNumber, runsShown)
    .addHelpText(
      'after',
      '\nExamples:\n  siteswap runs --open\n  siteswap runs --plan billing --json',
    )
    .action((options: ListOptions) => list(cli, options));
  program
    .command('watch')
    .summary('follow a run')
    .description(
      'Follows a run until it has ended or needs a person. With --json: one event per line, from ' +
        'the beginning or behind a cursor.',
    )
    .argument('<run>', 'its id')
    .option('--from <cursor>', 'tell the events behind this cursor', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  siteswap watch RUN\n  siteswap watch RUN --json --from 120',
    )
    .action(async (runId: string, { from }: { from?: number }) => {
      cli.exitCode = await follow(cli, runId, from);
    });
  program
    .command('report')
    .summary('what became of every item, with recovery time and data loss')
    .description('Shows what became of every item of a run; of an open run: so far.')
    .argument('<run>', 'its id')
    .option('--all', 'list every item')
    .addHelpText(
      'after',
      '\nExamples:\n  siteswap report RUN\n  siteswap report RUN --json > report.json',
    )
    .action(async (runId: string, { all = false }: { all?: boolean }) => {
      const report = await cli.client.runs.report(runId);
      cli.answer(report, () => reportText(report, cli.terminal, all));
    });
};

interface ResumeOptions {
  readonly decision: string;
  readonly policy?: string[];
  readonly detach?: true;
}

const resume = async (cli: Cli, runId: string, options: ResumeOptions): Promise<void> => {
  const { cursor } = await cli.client.runs.get(runId, { detail: RunDetail.BASIC });
  await cli.client.runs.resume({
    runId,
    requester: cli.requester,
    decision: chosen(Decision, options.decision),
    policies: await readPolicyOptions(options.policy),
  });
  if (options.detach) cli.answer({ runId }, () => `run ${runId} goes on`);
  else cli.exitCode = await follow(cli, runId, cursor);
};

const addSteering = (program: Command, cli: Cli): void => {
  program
    .command('resume')
    .summary('let a parked run go on, by your decision')
    .description('Lets a parked or stuck run go on by your decision, and follows it.')
    .argument('<run>', 'its id')
    .addOption(
      new Option('--decision <decision>', 'what to do with what failed or stopped')
        .choices(wordsOf(Decision))
        .default('retry'),
    )
    .addOption(policyOption())
    .option('--detach', 'return at once')
    .addHelpText(
      'after',
      `
Decisions:
  retry     try again what failed or stopped
  skip      go on without the items that failed; leave an undo that failed, with
            what it stands on, and undo the rest
  rollback  undo what was done
  abandon   end the run as it is; nothing is undone

Examples:
  siteswap resume RUN
  siteswap resume RUN --decision skip --policy power-on=continue
  siteswap resume RUN --policy policies.yaml`,
    )
    .action((runId: string, options: ResumeOptions) => resume(cli, runId, options));
  program
    .command('cancel')
    .summary('ask a run to stop; it parks, never half-done')
    .description('Asks a run to stop. Calls in flight are waited for, and the run parks.')
    .argument('<run>', 'its id')
    .requiredOption('--reason <text>', 'why; journaled')
    .addHelpText('after', '\nExamples:\n  siteswap cancel RUN --reason "wrong plan"')
    .action(async (runId: string, { reason }: { reason: string }) => {
      await cli.client.runs.cancel({ runId, requester: cli.requester, reason });
      const { status } = await cli.client.runs.get(runId, { detail: RunDetail.BASIC });
      const waits = status === RunStatus.PARKED || status === RunStatus.STUCK;
      cli.answer({ runId }, () =>
        waits
          ? `run ${runId} stands still and waits for a decision: siteswap resume ${runId}`
          : `run ${runId} was asked to stop: siteswap watch ${runId}`,
      );
    });
};

/** Adds the commands. */
export const addRuns = (program: Command, cli: Cli): void => {
  addRun(program, cli);
  addLooking(program, cli);
  addSteering(program, cli);
};
