/** `repair`: shows how a plan really stands, and has the journal believe it, for a reason. */
import type { Command } from 'commander';
import { PlanState } from '../../../proto/gen/siteswap/v1/plan.ts';
import {
  DifferenceKind,
  type Inspection,
  type Standing,
} from '../../../proto/gen/siteswap/v1/repair.ts';
import type { Cli } from '../cli.ts';
import { wordOf } from '../enums.ts';
import { usageError } from '../exit.ts';
import { table } from '../terminal.ts';

const standingText = (standing: Standing | undefined): string =>
  standing === undefined
    ? 'cannot be told'
    : `${wordOf(PlanState, standing.state)}, protected ${standing.protectedSiteId}, ` +
      `recovery ${standing.recoverySiteId}`;

const inspectionText = (inspection: Inspection, { terminal }: Cli): string => {
  const { believed, found, differences, unclear, digest, planId, olderSiteId } = inspection;
  const rows = differences.map((one) => [
    one.objectId,
    wordOf(DifferenceKind, one.about),
    one.believed,
    terminal.tone('bad', one.found),
  ]);
  return [
    `the journal believes: ${standingText(believed)}`,
    `the arrays say:       ${standingText(found)}`,
    ...(rows.length === 0 ? [] : [table(terminal, ['object', 'about', 'believed', 'found'], rows)]),
    ...unclear.map((why) => terminal.tone('bad', why)),
    standingText(believed) === standingText(found) || found === undefined
      ? 'there is nothing to adopt'
      : `to believe the arrays: siteswap repair ${planId} --adopt ${digest} --reason …`,
    ...(found?.state === PlanState.RECOVERY_REQUIRED
      ? [
          `both sides accept writers: what ${found.recoverySiteId} holds would stay` +
            (olderSiteId === ''
              ? `; if the other side's is to, say so: --current ${found.protectedSiteId}`
              : `, for it was promoted last; of what ${olderSiteId} holds a snapshot can be kept`),
        ]
      : []),
  ].join('\n');
};

interface Options {
  readonly adopt?: string;
  readonly reason?: string;
  readonly current?: string;
}

/** Adds the command. */
export const addRepair = (program: Command, cli: Cli): void => {
  program
    .command('repair')
    .summary('show how a plan really stands, and have the journal believe it')
    .description(
      'Reads the real state of the arrays and computes of a plan and shows what is not as the ' +
        'journal believes. With --adopt the journal believes it from then on; nothing is ' +
        'changed at the arrays.',
    )
    .argument('<plan>', 'its id')
    .option('--adopt <digest>', 'believe what was shown under this digest')
    .option('--reason <text>', 'why; journaled; needed with --adopt')
    .option('--current <site>', 'where both sides accept writers: the one whose data stays')
    .addHelpText('after', '\nExamples:\n  siteswap repair billing')
    .action(async (planId: string, options: Options) => {
      const { adopt: digest, reason = '', current: currentSiteId = '' } = options;
      if (digest === undefined) {
        const inspection = await cli.client.repair.inspect(planId);
        cli.answer(inspection, () => inspectionText(inspection, cli));
        return;
      }
      if (reason === '') throw usageError('--adopt needs a reason', 'Say why: --reason "…".');
      const request = { planId, digest, reason, requester: cli.requester, currentSiteId };
      const stored = await cli.client.repair.adopt(request);
      cli.answer(stored, () => {
        const { protectedSiteId = '' } = stored.plan ?? {};
        const word = wordOf(PlanState, stored.state);
        return `plan ${planId} is ${word}, and protected at ${protectedSiteId}`;
      });
    });
};
