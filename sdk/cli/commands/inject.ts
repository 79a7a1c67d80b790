/** `inject`: failures on purpose, by people: scenario files in, what came of them out. */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { InjectionRule, InjectionStatus } from '../../../proto/gen/siteswap/v1/injection.ts';
import { CallError } from '../../client/index.ts';
import { writeScenario } from '../../scenario/file.ts';
import { isToxicRule, type Rule } from '../../scenario/rule.ts';
import { onMinutesMax, seedMax } from '../../scenario/schema.ts';
import { ruleFrom, ruleMessage } from '../../scenario/translate.ts';
import { numberTo, readScenario, wholeNumber, writtenIn } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { CommandError, exits, usageError } from '../exit.ts';
import { withLines } from '../file-lines.ts';
import { table } from '../terminal.ts';
import { ago, count, dateTime } from '../words.ts';

const underWay = (carrying: number): string =>
  `${count(carrying, 'call')} under way still ${carrying === 1 ? 'carries' : 'carry'} a draw`;

const endText = (until: Date | undefined): string =>
  until === undefined ? '' : `, until ${dateTime(until.getTime())}`;

const headline = (status: InjectionStatus, { terminal }: Cli): string => {
  const { on, seed, requester, reason, since, until, carrying } = status;
  const by = ` by ${requester}${reason === '' ? '' : ` (${reason})`}`;
  const when = since === undefined ? '' : `, ${ago(since.getTime(), terminal.now())}`;
  if (!on) {
    const left = carrying === 0 ? '' : `; draining: ${underWay(carrying)}`;
    return `injections are off${requester === '' ? '' : `${by}${when}`}${left}`;
  }
  return terminal.tone('bad', `INJECTIONS ARE ON${by}${when}${endText(until)}, seed ${seed}`);
};

export const statusText = (status: InjectionStatus, cli: Cli): string => {
  const { terminal } = cli;
  const rows = status.rules.map(({ name, matched, drawn, hits, about, note }) => [
    name,
    String(matched),
    String(drawn),
    String(hits),
    about,
    terminal.tone('warn', note),
  ]);
  return [
    headline(status, cli),
    ...(rows.length === 0
      ? ['there are no rules']
      : [table(terminal, ['rule', 'matched', 'drawn', 'hits', 'for and what', 'note'], rows)]),
    ...(status.available ? [] : ['nobody has the role: set injector.token in the configuration']),
  ].join('\n');
};

const varies = ({ jitterMs = 0, variationBytes = 0 }: Partial<Record<string, unknown>>): boolean =>
  jitterMs !== 0 || variationBytes !== 0;

/** A seed matters to it. */
const isByChance = (rule: Rule): boolean => {
  if (isToxicRule(rule)) return rule.toxicity < 1 || varies({ ...rule.toxic });
  const { probability = 1, effect } = rule;
  const exponential = effect.effect === 'delay' && effect.distribution === 'exponential';
  return probability < 1 || exponential || varies({ ...effect });
};

/** Rules of the daemon as a scenario file. */
const yamlOf = (name: string, about: string, seed: number, rules: readonly InjectionRule[]) =>
  writeScenario({
    name,
    about,
    seed,
    rules: rules.flatMap((message) => {
      const read = ruleFrom(message);
      return 'rule' in read ? [read.rule] : [];
    }),
  });

const give = async (cli: Cli, yaml: string, file: string | undefined): Promise<void> => {
  if (file === undefined) cli.terminal.print(yaml.trimEnd());
  else await writeFile(file, yaml);
};

const answer = (cli: Cli, status: InjectionStatus): void =>
  cli.answer(status, () => statusText(status, cli));

/** What was on already is told: two people may switch, and neither is to wonder. */
const switchOn = async (cli: Cli, reason: string, seed: number, minutes: number): Promise<void> => {
  const before = await cli.client.injections.status();
  const request = { requester: cli.requester, reason, seed, forMs: minutes * 60_000 };
  const status = await cli.client.injections.enable(request);
  answer(cli, status);
  if (!before.on) return;
  const was = `by ${before.requester} (${before.reason})${endText(before.until)}`;
  cli.terminal.note(`they were on already, ${was}, seed ${before.seed}: yours is in its place`);
  if (minutes > 0 || status.until === undefined) return;
  cli.terminal.note(
    'their end stays as it was; --minutes sets another, `inject off` ends them now',
  );
};

/** A daemon must hear of it, even where nobody waits for what is under way. */
const heardSecondsMin = 1;

const switchOff = async (cli: Cli, reason: string, wait: number): Promise<void> => {
  const { injections } = cli.client;
  const seconds = Math.max(heardSecondsMin, wait);
  const request = { requester: cli.requester, reason };
  try {
    answer(cli, await injections.disable(request, { deadlineMs: seconds * 1_000 }));
  } catch (error) {
    if (!(error instanceof CallError) || error.reason !== 'DEADLINE') throw error;
    const { on, carrying } = await injections.status();
    const late = carrying === 0 ? 'not every thread has said so' : underWay(carrying);
    const what = on
      ? `injections are not off yet after ${seconds} s: the daemon has not come to it`
      : `injections are off and nothing new is drawn, but after ${seconds} s ${late}`;
    const next =
      '`siteswap inject off` again waits on; `siteswap inject status` says what is left.';
    const { reason: word, callId } = error;
    throw new CommandError(exits.unavailable, what, next, {
      owner: 'engine',
      reason: word,
      callId,
    });
  }
};

const addSwitches = (inject: Command, cli: Cli): void => {
  inject
    .command('status')
    .summary('whether injections are on, and what each rule did')
    .description('Shows whether injections are on, by whom, and what each rule did. Needs no role.')
    .addHelpText('after', '\nExamples:\n  siteswap inject status')
    .action(async () => answer(cli, await cli.client.injections.status()));
  inject
    .command('on')
    .summary('let rules be drawn from')
    .description('Switches injections on. Calls fail on purpose from then on.')
    .requiredOption('--reason <text>', 'why; journaled')
    .option('--seed <number>', 'of every draw by chance; 0: as it is', numberTo(seedMax), 0)
    .option(
      '--minutes <number>',
      'off by itself after so long; 0: at the end that is set, if there is one',
      numberTo(onMinutesMax),
      0,
    )
    .addHelpText('after', '\nExamples:\n  siteswap inject on --reason "game day" --minutes 60')
    .action(({ reason, seed, minutes }) => switchOn(cli, reason, seed, minutes));
  inject
    .command('off')
    .summary('switch off, and wait until nothing is modified any more')
    .description(
      'Switches injections off. It ends when every thread has said so and no call carries a ' +
        'draw; until then nothing new is drawn.',
    )
    .option('--reason <text>', 'why; journaled', '')
    .option('--wait <seconds>', 'how long, 1 at least', wholeNumber, 900)
    .addHelpText('after', '\nExamples:\n  siteswap inject off')
    .action(({ reason, wait }) => switchOff(cli, reason, wait));
};

const addFrom = async (cli: Cli, file: string): Promise<void> => {
  const scenario = await readScenario(file);
  const { seed, rules } = scenario.value;
  const request = { requester: cli.requester, rules: rules.map(ruleMessage) };
  const adding = cli.client.injections.add(request);
  const status = await withLines(writtenIn(file, scenario), adding);
  answer(cli, status);
  if (status.seed === seed || !rules.some(isByChance)) return;
  cli.terminal.note(`it draws by chance, with its seed: siteswap inject on --seed ${seed}`);
};

const addRules = (inject: Command, cli: Cli): void => {
  inject
    .command('add')
    .summary('add the rules of a scenario file')
    .description(
      'Adds the rules of a file to those that are there, or in place of one of that name.',
    )
    .argument('<file>', 'YAML; - is standard input')
    .addHelpText('after', '\nExamples:\n  siteswap inject add lost-reply.yaml')
    .action((file: string) => addFrom(cli, file));
  inject
    .command('remove')
    .summary('take rules away')
    .description('Takes rules away, by name, or all of them.')
    .argument('[names...]', 'of rules')
    .option('--all', 'every rule')
    .addHelpText('after', '\nExamples:\n  siteswap inject remove --all')
    .action(async (names: string[], { all }: { all?: true }) => {
      if ((names.length === 0) === (all === undefined)) {
        throw usageError('which rules?', 'Name them, or say --all.');
      }
      answer(cli, await cli.client.injections.remove({ requester: cli.requester, names }));
    });
  inject
    .command('export')
    .summary('the rules as a scenario file')
    .description('Writes the rules as a scenario file.')
    .option('--name <name>', 'of the scenario', 'exported')
    .option('--out <file>', 'in place of standard output')
    .addHelpText('after', '\nExamples:\n  siteswap inject export --out friday.yaml')
    .action(async ({ name, out }: { name: string; out?: string }) => {
      const { rules, seed } = await cli.client.injections.rules();
      if (rules.length === 0) throw usageError('there are no rules', 'Add some first.');
      await give(cli, yamlOf(name, '', seed, rules), out);
    });
  inject
    .command('replay')
    .summary('the faults that a run met, as a scenario')
    .description(
      'Makes a scenario of the faults that a run met, injected or not. Add it to a daemon of a ' +
        'lab or a test array and run the plan there: it meets them again.',
    )
    .argument('<run>', 'its id')
    .option('--out <file>', 'in place of standard output')
    .addHelpText('after', '\nExamples:\n  siteswap inject replay RUN --out field-failure.yaml')
    .action(async (runId: string, { out }: { out?: string }) => {
      const { rules, notes } = await cli.client.injections.replay(runId);
      for (const note of notes) cli.terminal.note(`note: ${note}`);
      if (rules.length === 0) throw usageError(`run ${runId} met no fault`, 'Choose another.');
      await give(cli, yamlOf(`run ${runId}`, notes.join('\n'), 1, rules), out);
    });
};

/** Adds the commands. */
export const addInject = (program: Command, cli: Cli): void => {
  const inject = program
    .command('inject')
    .summary('failures on purpose: rules, on, off, replay')
    .description(
      'Fails calls on purpose, by rules, without touching an array. Needs the role: the token ' +
        'of the daemon’s configuration in SITESWAP_INJECTOR_TOKEN.',
    );
  addSwitches(inject, cli);
  addRules(inject, cli);
};
