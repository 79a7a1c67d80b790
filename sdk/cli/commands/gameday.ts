/**
 * `gameday`: a test failover under a scenario, and what it showed: which faults were met, how each
 * policy reacted, and what it would have done to the times and the data.
 */
import type { Command } from 'commander';
import { FaultKind, type GameDay, playGameDay, RunResult, RunStatus } from '../../client/index.ts';
import { ruleMessage } from '../../scenario/translate.ts';
import { readScenario, wholeNumber } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordOf } from '../enums.ts';
import { exits } from '../exit.ts';
import { table } from '../terminal.ts';
import { count, duration } from '../words.ts';

const timeText = (ms: number | undefined): string => (ms === undefined ? 'none' : duration(ms));

const compared = (what: string, ms: number | undefined, before: number | undefined): string => {
  const beside = before === undefined ? '' : ` (without injections: ${timeText(before)})`;
  return `${what} ${timeText(ms)}${beside}`;
};

export const gameDayText = (day: GameDay, cli: Cli): string => {
  const { terminal } = cli;
  const { run, report, baseline, reactions, rules } = day;
  const rows = reactions.map(({ step, workgroupId, items, kind, code, action, because }) => [
    step,
    workgroupId,
    String(items),
    `${wordOf(FaultKind, kind)}${code === '' ? '' : ` [${code}]`}`,
    action,
    because,
  ]);
  const left = report.items.filter(({ recoveryTimeMs, why }) => !recoveryTimeMs && why !== '');
  const idle = rules.filter(({ note }) => note !== '');
  return [
    `test run ${run.runId}: ${wordOf(RunStatus, run.status)} ${wordOf(RunResult, run.result)}`,
    rows.length === 0
      ? 'no fault was met'
      : table(terminal, ['step', 'workgroup', 'items', 'fault', 'policy', 'because'], rows),
    compared('time to recover:', report.recoveryTimeMs, baseline?.recoveryTimeMs),
    compared('data lost:', report.dataLossMs, baseline?.dataLossMs),
    `${count(left.length, 'item')} would not have come up`,
    ...(baseline === undefined ? ['no earlier test of this plan to compare with'] : []),
    ...idle.map(({ name, note }) => terminal.tone('warn', `rule "${name}": ${note}`)),
  ].join('\n');
};

/** Adds the command. */
export const addGameDay = (program: Command, cli: Cli): void => {
  program
    .command('gameday')
    .summary('a test failover under a scenario of failures')
    .description(
      'Runs a test of a plan with the failures of a scenario, cleans up, and tells which faults ' +
        'were met, how each policy reacted, and what it would have done to the times and the ' +
        'data. Production goes on meanwhile.',
    )
    .argument('<plan>', 'its id')
    .requiredOption('--scenario <file>', 'YAML; - is standard input')
    .option('--minutes <number>', 'how long it may take', wholeNumber, 60)
    .addHelpText('after', '\nExamples:\n  siteswap gameday billing --scenario lost-reply.yaml')
    .action(async (planId: string, options: { scenario: string; minutes: number }) => {
      const { rules, seed, name } = await readScenario(options.scenario);
      const day = await playGameDay(cli.client, {
        planId,
        name,
        seed,
        rules: rules.map(ruleMessage),
        requester: cli.requester,
        deadlineMs: options.minutes * 60_000,
      });
      cli.answer(day, () => gameDayText(day, cli));
      if (day.run.result !== RunResult.SUCCEEDED) cli.exitCode = exits.notWell;
    });
};
