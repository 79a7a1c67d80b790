/**
 * `gameday`: a test failover under a scenario, and what it showed: which faults were met, how each
 * policy reacted, and what it would have done to the times and the data.
 */
import type { Command } from 'commander';
import {
  CallError,
  FaultKind,
  type GameDay,
  playGameDay,
  type Run,
  RunResult,
  RunStatus,
} from '../../client/index.ts';
import { onMinutesMax } from '../../scenario/schema.ts';
import { ruleMessage } from '../../scenario/translate.ts';
import { numberTo, readScenario, writtenIn } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordOf } from '../enums.ts';
import { exits } from '../exit.ts';
import { withLines } from '../file-lines.ts';
import { follow } from '../follow.ts';
import { table } from '../terminal.ts';
import { isDone } from '../views/report.ts';
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
  const left = report.items.filter(({ outcome }) => !isDone(outcome)).length;
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

interface Options {
  readonly scenario: string;
  readonly minutes: number;
}

/** Ended early: injections are off by now, and what was started is still there. */
const leftOver = (cli: Cli, planId: string, runIds: readonly string[]): void => {
  cli.terminal.note('ended early; the injections are off');
  const [test, cleanup] = runIds;
  if (cleanup !== undefined) cli.terminal.note(`cleanup run ${cleanup}: siteswap watch ${cleanup}`);
  else if (test !== undefined) {
    cli.terminal.note(`test run ${test} is left: siteswap watch ${test}`);
    cli.terminal.note(`when it has ended: siteswap run ${planId} --mode cleanup`);
  }
};

const isEnd = (error: unknown): boolean =>
  error instanceof CallError
    ? error.code === 'CANCELLED'
    : error instanceof Error && error.name === 'AbortError';

const play = async (cli: Cli, planId: string, options: Options): Promise<void> => {
  const scenario = await readScenario(options.scenario);
  const { rules, seed, name } = scenario.value;
  const stop = new AbortController();
  const onStop = () => stop.abort();
  const runIds: string[] = [];
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onStop);
  try {
    const playing = playGameDay(cli.client, {
      planId,
      name,
      seed,
      rules: rules.map(ruleMessage),
      requester: cli.requester,
      deadlineMs: options.minutes * 60_000,
      signal: stop.signal,
      onRun: async (runId) => {
        runIds.push(runId);
        if (!cli.json) await follow(cli, runId, 0, stop.signal);
      },
    });
    const day = await withLines(writtenIn(options.scenario, scenario), playing);
    cli.answer(day, () => gameDayText(day, cli));
    if (!endedWell(day.run) || !endedWell(day.cleanup)) cli.exitCode = exits.notWell;
  } catch (error) {
    // Anything else may be a failure to switch the injections off: that is told as it is.
    if (!stop.signal.aborted || !isEnd(error)) throw error;
    leftOver(cli, planId, runIds);
    cli.exitCode = exits.interrupted;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.removeListener(signal, onStop);
  }
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
    .option('--minutes <number>', 'how long it may take', numberTo(onMinutesMax), 60)
    .addHelpText('after', '\nExamples:\n  siteswap gameday billing --scenario lost-reply.yaml')
    .action((planId: string, options: Options) => play(cli, planId, options));
};
