/** `device …`: single storage verbs, for people who orchestrate by hand. */
import { type Command, Option } from 'commander';
import type { Fault } from '../../../proto/gen/siteswap/v1/common.ts';
import {
  type SyncResult,
  SyncState,
  type TargetResult,
  type TargetSuccess,
} from '../../../proto/gen/siteswap/v1/replication.ts';
import { DivergedChoice } from '../../../proto/gen/siteswap/v1/run.ts';
import type { CallOptions, Replication } from '../../client/index.ts';
import { chosen } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordOf, wordsOf } from '../enums.ts';
import { exits } from '../exit.ts';
import { whileStoppable } from '../stop.ts';
import { table } from '../terminal.ts';
import { faultText } from '../views/run.ts';
import { ago, dateTime } from '../words.ts';

interface Request {
  readonly arrayId: string;
  readonly targets: { id: string }[];
  readonly requester: string;
  readonly requestKey: string;
  readonly initiatorId: string;
  readonly force: boolean;
  readonly siteId: string;
  readonly diverged?: DivergedChoice;
}

interface Answer {
  readonly runId: string;
  readonly results: readonly TargetResult[];
}

interface Verb {
  readonly name: string;
  readonly summary: string;
  /** Beside those that every verb has. */
  readonly option?: Option;
  /** The option in the example. */
  readonly example?: string;
  readonly perform: (
    replication: Replication,
    request: Request,
    options: CallOptions,
  ) => Promise<Answer>;
}

const verbs: readonly Verb[] = [
  {
    name: 'sync',
    summary: 'copy what changed; called at the source',
    perform: (replication, ...asked) => replication.sync(...asked),
  },
  {
    name: 'prepare-failover',
    summary: 'demote the source: it refuses writers',
    perform: (replication, ...asked) => replication.prepareFailover(...asked),
  },
  {
    name: 'failover',
    summary: 'promote the target: it accepts writers',
    option: new Option('--force', 'without the source, onto the last recovery point'),
    perform: (replication, ...asked) => replication.failover(...asked),
  },
  {
    name: 'test-failover-start',
    summary: 'make a writable copy of the replica; called at the target',
    perform: (replication, ...asked) => replication.testFailoverStart(...asked),
  },
  {
    name: 'test-failover-stop',
    summary: 'take the test copy away; called at the target',
    perform: (replication, ...asked) => replication.testFailoverStop(...asked),
  },
  {
    name: 'reverse',
    summary: 'let replication flow back; called at the promoted side',
    perform: (replication, ...asked) => replication.reverse(...asked),
  },
  {
    name: 'resync',
    summary: 'copy what differs to the other end; called at the side whose data stays',
    option: new Option('--diverged <choice>', 'what becomes of what the other end holds')
      .choices(wordsOf(DivergedChoice))
      .default('keep', 'keep, as a snapshot there'),
    perform: (replication, ...asked) => replication.resync(...asked),
  },
  {
    name: 'restore',
    summary: 'give devices the roles back that they had',
    perform: (replication, ...asked) => replication.restore(...asked),
  },
  {
    name: 'set-site-preference',
    summary: 'which site keeps serving stretched devices when the sites lose each other',
    option: new Option('--site <id>', 'the site that is preferred').makeOptionMandatory(),
    example: ' --site west',
    perform: (replication, ...asked) => replication.setSitePreference(...asked),
  },
];

const factsText = (facts: Readonly<Record<string, unknown>> | undefined): string =>
  Object.entries(facts ?? {})
    .map(([name, value]) =>
      name.endsWith('AtMs') && typeof value === 'number'
        ? `${name.slice(0, -'AtMs'.length)} as of ${dateTime(value)}`
        : `${name} ${value}`,
    )
    .join(', ');

/** Done is one thing, as of when the data is consistent another. */
const successText = ({ consistent, evidence }: TargetSuccess): string => {
  const {
    recoveryPoint: _id,
    recoveryPointAtMs: _at,
    recoveryPointBy: _by,
    ...more
  } = evidence ?? {};
  const others = factsText(more);
  const data =
    consistent?.time === undefined
      ? 'nothing said of the data'
      : `data consistent as of ${dateTime(+consistent.time)}, says ${consistent.saidBy}`;
  return others === '' ? data : `${data}, ${others}`;
};

const withHint = (fault: Fault): string =>
  fault.hint === '' ? faultText(fault) : `${faultText(fault)} (${fault.hint})`;

const resultRow = ({ targetId, outcome }: TargetResult, { terminal }: Cli): string[] => {
  switch (outcome?.$case) {
    case 'success':
      return [targetId, terminal.tone('good', 'done'), successText(outcome.value)];
    case 'fault':
      return [targetId, terminal.tone('bad', 'failed'), withHint(outcome.value)];
    case 'open': {
      const { inDoubt, why, fault } = outcome.value;
      const word = inDoubt ? 'in doubt' : 'open';
      const said = fault === undefined ? '' : withHint(fault);
      return [targetId, terminal.tone('warn', word), [said, why].filter(Boolean).join('; ')];
    }
    default:
      return [targetId, terminal.tone('warn', 'unknown'), ''];
  }
};

interface Options {
  readonly array: string;
  readonly key?: string;
  readonly initiator?: string;
  readonly force?: true;
  readonly site?: string;
  readonly diverged?: string;
}

/** One row per target; exit code 1 when one of them did not succeed. */
const answerResults = (cli: Cli, answer: Answer): void => {
  cli.answer(answer, () =>
    [
      cli.terminal.tone('quiet', `run ${answer.runId}`),
      table(
        cli.terminal,
        ['target', 'outcome', ''],
        answer.results.map((result) => resultRow(result, cli)),
      ),
    ].join('\n'),
  );
  const well = answer.results.every(({ outcome }) => outcome?.$case === 'success');
  if (!well) cli.exitCode = exits.notWell;
};

/**
 * Waits for a verb, and says ahead of its answer which run that is. Ended by a signal, it says how
 * to go on; the run does.
 */
export const waitFor = (cli: Cli, verb: (options: CallOptions) => Promise<Answer>): Promise<void> =>
  whileStoppable(async (signal) => {
    let run: string | undefined;
    const began = (runId: string): void => {
      run = runId;
      if (!cli.json) cli.terminal.note(`run ${runId} has begun: siteswap watch ${runId}`);
    };
    try {
      answerResults(cli, await verb({ signal, began }));
    } catch (error) {
      if (!signal.aborted) throw error;
      cli.exitCode = exits.interrupted;
      cli.terminal.note(
        run === undefined
          ? 'what was asked for may have begun: siteswap runs --open'
          : `the run goes on: siteswap watch ${run}; to stop it: siteswap cancel ${run} --reason …`,
      );
    }
  });

const perform = async (cli: Cli, verb: Verb, ids: string[], options: Options): Promise<void> => {
  const request = {
    arrayId: options.array,
    targets: ids.map((id) => ({ id })),
    requester: cli.requester,
    requestKey: options.key ?? '',
    initiatorId: options.initiator ?? '',
    force: options.force === true,
    siteId: options.site ?? '',
    ...(options.diverged !== undefined && { diverged: chosen(DivergedChoice, options.diverged) }),
  };
  await waitFor(cli, (more) => verb.perform(cli.client.replication, request, more));
};

const syncRow = ({ targetId, outcome }: SyncResult, { terminal }: Cli): string[] => {
  if (outcome?.$case !== 'status') {
    const why = outcome === undefined ? '' : faultText(outcome.value);
    return [targetId, terminal.tone('bad', 'failed'), '', '', why];
  }
  const { state, progress, recoveryPoint } = outcome.value;
  const at = recoveryPoint?.time;
  return [
    targetId,
    wordOf(SyncState, state),
    progress === undefined ? '' : `${Math.round(progress * 100)} %`,
    recoveryPoint?.id ?? '–',
    at === undefined ? '' : `${ago(+at, terminal.now())}, said by ${recoveryPoint?.saidBy}`,
  ];
};

const query = async (cli: Cli, arrayId: string, ids: string[]): Promise<void> => {
  const targets = ids.map((id) => ({ id }));
  const results = await cli.client.replication.querySync({ arrayId, targets });
  if (results.some(({ outcome }) => outcome?.$case !== 'status')) cli.exitCode = exits.notWell;
  const columns = ['target', 'sync', 'progress', 'recovery point', ''];
  cli.answer(results, () =>
    table(
      cli.terminal,
      columns,
      results.map((result) => syncRow(result, cli)),
    ),
  );
};

const addVerb = (device: Command, cli: Cli, verb: Verb): void => {
  const { example = '' } = verb;
  const command = device
    .command(verb.name)
    .summary(verb.summary)
    .description(`${verb.summary[0]?.toUpperCase()}${verb.summary.slice(1)}.`)
    .argument('<group...>', 'consistency groups, or lone devices, by id at the array')
    .requiredOption('--array <id>', 'the array that is called')
    .option('--key <key>', 'your name for this request: repeating it returns the same answer')
    .option('--initiator <id>', 'your own id of the operation, carried to the array')
    .addHelpText(
      'after',
      `\nExamples:\n  siteswap device ${verb.name} cg-1 cg-2 --array array-east${example}`,
    )
    .action((ids: string[], options: Options) => perform(cli, verb, ids, options));
  if (verb.option !== undefined) command.addOption(verb.option);
};

/** Adds the commands. */
export const addDevice = (program: Command, cli: Cli): void => {
  const device = program
    .command('device')
    .summary('single storage verbs, each a journaled run of one step')
    .description(
      'Single storage verbs for people who orchestrate by hand. Each is a journaled run of one ' +
        'step, with one result per target; exit code 1 when one of them did not succeed.',
    );
  for (const verb of verbs) addVerb(device, cli, verb);
  device
    .command('query-sync')
    .summary('how far syncs are, and the newest recovery points')
    .description('Shows how far syncs are, and the newest recovery points. Changes nothing.')
    .argument('<group...>', 'consistency groups, or lone devices, by id at the array')
    .requiredOption('--array <id>', 'the array that is asked')
    .addHelpText('after', '\nExamples:\n  siteswap device query-sync cg-1 --array array-east')
    .action((ids: string[], { array: arrayId }: { array: string }) => query(cli, arrayId, ids));
};
