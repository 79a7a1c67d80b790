/** The program `siteswap front`: from its command line to a front, and from a signal to its end. */
import { endBySignal, programNamed, refusalOf } from './command.ts';
import { loadConfig } from './config.ts';
import { createFront } from './front.ts';

interface Options {
  readonly config: string;
  readonly state?: string;
  readonly listen?: readonly string[];
  readonly direct?: boolean;
}

const refuse = refusalOf('siteswap front');

const run = async ({ config, direct, ...overrides }: Options): Promise<void> => {
  const front = await createFront(loadConfig(config, overrides), { direct });
  process.stdout.write(`ready ${front.addresses.join(' ')}\n`);
  endBySignal(() => front.stop(), refuse);
};

await programNamed(
  'siteswap front',
  'Speaks for the members of a cluster: takes every request of the contract and passes it on ' +
    'to them through their database. It drives nothing, and keeps nothing.',
)
  .requiredOption('--config <file>', 'configuration (YAML) of the members')
  .option('--state <dir>', 'in place of the one in the configuration')
  .option('--listen <address...>', 'unix:PATH or HOST:PORT (loopback), in place of the configured')
  .option('--direct', 'who asks for a run asks the member that drives it alone, if it answers')
  .addHelpText(
    'after',
    `
Examples:
  siteswap front --config siteswap.yaml --listen unix:/run/siteswap/front.sock
  siteswap --address unix:/run/siteswap/front.sock runs

Exit codes: as for \`siteswap daemon\`.`,
  )
  .action((options: Options) => run(options).catch(refuse))
  .parseAsync();
