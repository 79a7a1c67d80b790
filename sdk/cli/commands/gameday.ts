/**
 * `gameday`: a test failover under a scenario, and what it showed: which faults were met, how each
 * policy reacted, and what it would have done to the times and the data.
 */
import type { Command } from 'commander';
import {
  FaultKind,
  type GameDay,
  ItemOutcome,
  playGameDay,
  type Run,
  RunResult,
  RunStatus,
} from '../../client/index.ts';
import { ruleMessage } from '../../scenario/translate.ts';
import { readScenario, wholeNumber } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordOf } from '../enums.ts';
import { exits } from '../exit.ts';
import { table } from '../terminal.ts';
import { outcomeOf } from '../views/run.ts';
import { count, duration } from '../words.ts';

const timeText = (ms: number | undefined): string => (ms === undefined ? 'none' : duration(ms));

const endedWell = ({ status, result }: Run): boolean =>
  status === RunStatus.ENDED && result === RunResult.SUCCEEDED;

const compared = (what: string, ms: number | undefined, before: number | undefined): string => {
  const beside = before === undefined ? '' : ` (without injections: ${timeText(before)})`;
  return `${what} ${timeText(ms)}${beside}`;
};

/** A cleanup that did not end well has left of the test what a person must see to. */
const cleanupText = (cleanup: Run, { terminal }: Cli): string => {
  const said = `cleanup run ${cleanup.runId}: ${outcomeOf(cleanup)}`;
  if (endedWell(cleanup)) return said;
  return terminal.tone(
    'bad',
    `${said}; the test is not taken away: siteswap watch ${cleanup.runId}`,
  );
};

export const gameDayText = (day: GameDay, cli: Cli): string => {
  const { terminal } = cli;
  const { run, report, cleanup, baseline, reactions, rules } = day;
  const rows = reactions.map(({ step, workgroupId, items, kind, code, action, because }) => [
    step,
    workgroupId,
    String(items),
    `${wordOf(FaultKind, kind)}${code === '' ? '' : ` [${code}]`}`,
    action,
    because,
  ]);
  const left = report.items.filter(({ outcome }) => outcome !== ItemOutcome.DONE).length;
  const idle = rules.filter(({ note }) => note !== '');
  return [
    `test run ${run.runId}: ${outcomeOf(run)}`,
    rows.length === 0
      ? 'no fault was met'
      : table(terminal, ['step', 'workgroup', 'items', 'fault', 'policy', 'because'], rows),
    compared('time to recover:', report.recoveryTimeMs, baseline?.recoveryTimeMs),
    compared('data lost:', report.dataLossMs, baseline?.dataLossMs),
    `${left} of ${count(report.itemsTotal, 'item')} would not have come up`,
    cleanupText(cleanup, cli),
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
      const well = endedWell(day.run) && endedWell(day.cleanup);
      if (!well) cli.exitCode = exits.notWell;
    });
};
