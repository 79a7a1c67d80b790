/** `plugins`, `sites`, `arrays`, `computes`, `devices`, `vms`, `datastores`: what is there. */
import type { Command } from 'commander';
import {
  Access,
  type Device,
  Direction,
  type DiscoveryProblem,
  Instance,
  PairState,
  type Plugin,
  PowerState,
  type Remote,
  RemoteHealth,
  RemoteKind,
  UpdateMode,
} from '../../../proto/gen/siteswap/v1/inventory.ts';
import type { Site } from '../../../proto/gen/siteswap/v1/site.ts';
import { CallError } from '../../client/errors.ts';
import { wholeNumber } from '../arguments.ts';
import type { Cli } from '../cli.ts';
import { wordOf } from '../enums.ts';
import { exits } from '../exit.ts';
import { type Terminal, table } from '../terminal.ts';
import { statusTone } from '../views/run.ts';
import { ago, size, someOf } from '../words.ts';

const toned = (terminal: Terminal, word: string): string => terminal.tone(statusTone(word), word);

const pluginTable = (plugins: readonly Plugin[], { terminal }: Cli): string =>
  table(
    terminal,
    ['plugin', 'name', 'version', 'module', { title: 'verbs', align: 'right' }, 'promises', ''],
    plugins.map((plugin) => {
      const promises = [
        ...(plugin.properties?.fences ? ['fences'] : []),
        ...(plugin.properties?.atomicGroups ? ['atomic groups'] : []),
        ...(plugin.properties?.keepsRecoveryPoints ? ['keeps recovery points'] : []),
        ...(plugin.properties?.stretched ? ['stretched devices'] : []),
      ];
      return [
        plugin.id,
        plugin.name,
        plugin.version,
        plugin.module,
        String(plugin.verbs.length),
        promises.join(', '),
        plugin.problem === '' ? '' : terminal.tone('bad', plugin.problem),
      ];
    }),
  );

const tellMisconfigured = ({ terminal }: Cli, plugins: readonly Plugin[]): void => {
  for (const text of plugins.flatMap(({ misconfigured }) => misconfigured)) {
    terminal.note(`${terminal.tone('bad', '✗')} ${text}`);
  }
};

/** Sites as a table. */
export const siteTable = (sites: readonly Site[], { terminal }: Cli): string =>
  table(
    terminal,
    ['site', 'name', 'state', 'since', 'declared by', 'reason'],
    sites.map((site) => [
      site.id,
      site.name,
      site.lost ? terminal.tone('bad', 'lost') : terminal.tone('good', 'reachable'),
      site.since === undefined ? '–' : ago(site.since.getTime(), terminal.now()),
      site.declaredBy,
      site.reason,
    ]),
  );

const remoteTable = (title: string, remotes: readonly Remote[], { terminal }: Cli): string =>
  table(
    terminal,
    [title, 'site', 'plugin', 'health', 'heard of', ''],
    remotes.map((remote) => [
      remote.id,
      remote.siteId,
      remote.pluginId,
      toned(terminal, wordOf(RemoteHealth, remote.health)),
      remote.observedTime === undefined ? 'never' : ago(+remote.observedTime, terminal.now()),
      remote.message,
    ]),
  );

const pairWord = (device: Device, terminal: Terminal): string =>
  toned(terminal, wordOf(PairState, device.pairState));

/** How writes reach the other end, and which site goes on serving when the two lose each other. */
const updateText = ({ updateMode, stretched, preferredSiteId }: Device): string =>
  [
    wordOf(UpdateMode, updateMode),
    stretched ? 'stretched' : '',
    preferredSiteId === '' ? '' : `prefers ${preferredSiteId}`,
  ]
    .filter(Boolean)
    .join(', ');

/** An array's word about its own copy needs no name. */
const pointText = (arrayId: string, { lastRecoveryPoint }: Device, terminal: Terminal): string => {
  const { time, saidBy = '' } = lastRecoveryPoint ?? {};
  if (time === undefined) return '–';
  const age = ago(+time, terminal.now());
  return saidBy === '' || saidBy === arrayId ? age : `${age}, said ${saidBy}`;
};

const deviceRow = (arrayId: string, device: Device, terminal: Terminal): string[] => [
  arrayId,
  device.id,
  device.name === device.id ? '' : device.name,
  size(device.sizeBytes),
  wordOf(Direction, device.direction) || 'unknown',
  wordOf(Access, device.access) || 'unknown',
  device.stale ? terminal.tone('warn', 'unknown (old)') : pairWord(device, terminal),
  device.groupId,
  device.peer === undefined ? '–' : `${device.peer.arrayId}/${device.peer.deviceId}`,
  updateText(device),
  pointText(arrayId, device, terminal),
];

const deviceColumns = [
  'array',
  'device',
  'name',
  { title: 'size', align: 'right' as const },
  'direction',
  'access',
  'pair',
  'group',
  'peer',
  'update',
  'recovery point',
];

/** A problem as a line of JSON tells it. */
const toldOf = ({ message, error }: DiscoveryProblem) => ({
  reason: error?.reason ?? '',
  message,
  hint: error?.hint ?? '',
});

type Troubled = Pick<CallError, 'reason' | 'message' | 'hint'>;

/** What is wrong with one remote, and what to do about it. */
const tell = ({ terminal }: Cli, remoteId: string, { message, hint }: Troubled): void => {
  const words = hint === '' ? message : `${message} (${hint})`;
  terminal.note(`${terminal.tone('warn', '!')} ${remoteId}: ${words}`);
};

const devices = async (cli: Cli, arrayIds: string[], recorded: boolean): Promise<void> => {
  const rows: string[][] = [];
  let failed = 0;
  let answered = 0;
  for await (const answer of cli.client.inventory.discoverDevices({ arrayIds, recorded })) {
    const { arrayId, problem } = answer;
    if (problem === undefined) answered++;
    else {
      failed++;
      if (cli.json) cli.line({ arrayId, problem: toldOf(problem) });
      tell(cli, problem.remoteId, toldOf(problem));
    }
    for (const device of answer.devices) {
      if (cli.json) cli.line({ arrayId, ...device });
      else rows.push(deviceRow(arrayId, device, cli.terminal));
    }
  }
  if (!cli.json) cli.terminal.print(table(cli.terminal, deviceColumns, rows));
  if (failed > 0 && answered === 0) cli.exitCode = exits.unavailable;
};

/** One line for each device as it is now; until it is interrupted. */
const watchDevices = async (cli: Cli, arrayIds: string[], intervalMs: number): Promise<void> => {
  const { terminal } = cli;
  for await (const said of cli.client.inventory.watchDevices({ arrayIds, intervalMs })) {
    const { arrayId, devices: changed, goneIds, problem, snapshot } = said;
    if (problem !== undefined) {
      if (cli.json) cli.line({ arrayId, problem: toldOf(problem) });
      tell(cli, arrayId, toldOf(problem));
    }
    for (const device of changed) {
      if (cli.json) cli.line({ arrayId, snapshot, ...device });
      else terminal.print(deviceRow(arrayId, device, terminal).filter(Boolean).join('  '));
    }
    for (const id of goneIds) {
      if (cli.json) cli.line({ arrayId, id, gone: true });
      else terminal.print(`${arrayId}  ${id}  ${terminal.tone('warn', 'gone')}`);
    }
  }
};

interface DevicesOptions {
  readonly array?: string[];
  readonly recorded?: boolean;
  readonly watch?: boolean;
  readonly interval?: number;
}

const remotesOf = (cli: Cli, kind: RemoteKind, siteId = ''): Promise<Remote[]> =>
  cli.client.inventory.remotes({ siteId, kind });

/** What one remote's trouble is: the others are asked all the same. */
const troubles: ReadonlySet<unknown> = new Set([
  'REMOTE_UNREACHABLE',
  'SITE_LOST',
  'PLUGIN_FAILED',
  'VERB_UNSUPPORTED',
]);

interface Asked {
  readonly compute: readonly string[];
  readonly recorded: boolean;
}

const tellCompute = (cli: Cli, computeId: string, problem: Troubled): void => {
  const { reason, message, hint } = problem;
  if (cli.json) cli.line({ computeId, problem: { reason, message, hint } });
  tell(cli, computeId, problem);
};

const lostOf = ({ id, siteId }: Remote): Troubled => ({
  reason: 'SITE_LOST',
  message: `site "${siteId}" of ${id} is declared lost: it is not asked`,
  hint: `once it is back: siteswap site reachable ${siteId} --reason …`,
});

/**
 * Lists each compute, and tells of those that could not be; throws if that was the only one. What
 * is recorded of a lost site is listed to who names the compute or asks for it, marked as such.
 */
const eachCompute = async (
  cli: Cli,
  { compute, recorded }: Asked,
  list: (computeId: string) => Promise<void>,
): Promise<void> => {
  const computes = await remotesOf(cli, RemoteKind.COMPUTE);
  const lost = new Map(
    computes.filter(({ health }) => health === RemoteHealth.LOST).map((one) => [one.id, one]),
  );
  const ids = compute.length > 0 ? compute : computes.map(({ id }) => id);
  let failed = 0;
  for (const computeId of ids) {
    const remote = lost.get(computeId);
    if (remote !== undefined) tellCompute(cli, computeId, lostOf(remote));
    try {
      if (remote === undefined || recorded || compute.length > 0) await list(computeId);
      else failed++;
    } catch (error) {
      if (!(error instanceof CallError && troubles.has(error.reason))) throw error;
      if (ids.length === 1 && !recorded) throw error;
      failed++;
      if (remote === undefined) tellCompute(cli, computeId, error);
    }
  }
  // Nobody is asked for what is recorded, so nobody is unavailable.
  if (!recorded && failed > 0 && failed === ids.length) cli.exitCode = exits.unavailable;
};

const vms = async (cli: Cli, asked: Asked): Promise<void> => {
  const { terminal, client } = cli;
  const rows: string[][] = [];
  await eachCompute(cli, asked, async (computeId) => {
    for await (const vm of client.inventory.vms({ computeId, recorded: asked.recorded })) {
      if (cli.json) cli.line({ computeId, ...vm });
      const name = vm.name === vm.id ? '' : vm.name;
      const power = toned(terminal, wordOf(PowerState, vm.power));
      const instance = wordOf(Instance, vm.instance);
      rows.push([computeId, vm.id, name, power, instance, someOf(vm.datastoreIds, 4)]);
    }
  });
  if (cli.json) return;
  const columns = ['compute', 'VM', 'name', 'power', 'instance', 'datastores'];
  terminal.print(table(terminal, columns, rows));
};

const datastores = async (cli: Cli, asked: Asked): Promise<void> => {
  const { terminal, client } = cli;
  const rows: string[][] = [];
  await eachCompute(cli, asked, async (computeId) => {
    for await (const datastore of client.inventory.datastores({
      computeId,
      recorded: asked.recorded,
    })) {
      if (cli.json) cli.line({ computeId, ...datastore });
      const { id, name, mounted, instance, devices } = datastore;
      const state = mounted ? terminal.tone('good', 'mounted') : 'not mounted';
      const on = devices.map(({ arrayId, deviceId }) => `${arrayId}/${deviceId}`);
      const shown = name === id ? '' : name;
      rows.push([computeId, id, shown, state, wordOf(Instance, instance), someOf(on, 4)]);
    }
  });
  if (cli.json) return;
  const columns = ['compute', 'datastore', 'name', 'state', 'instance', 'devices'];
  terminal.print(table(terminal, columns, rows));
};

const recordedOption = ['--recorded', 'what was recorded last; asks no array or compute'] as const;

const troubledLine = (what: string): string =>
  `${what} that cannot be asked is a line with "problem"`;

const addRemotes = (program: Command, cli: Cli, name: string, kind: RemoteKind): void => {
  program
    .command(name)
    .summary(`list ${name} with their health`)
    .description(`Lists the ${name} of the daemon's configuration, with their health.`)
    .option('--site <id>', 'only those of this site')
    .addHelpText('after', `\nExamples:\n  siteswap ${name}\n  siteswap ${name} --site east --json`)
    .action(async ({ site }: { site?: string }) => {
      const remotes = await remotesOf(cli, kind, site);
      cli.answer(remotes, () => remoteTable(name.slice(0, -1), remotes, cli));
    });
};

/** Adds the commands. */
export const addInventory = (program: Command, cli: Cli): void => {
  program.commandsGroup('What is there:');
  program
    .command('plugins')
    .summary('list plugins and what they can do')
    .description(
      'Lists the plugins, their verbs and promises; of those that did not load, why; and what is ' +
        'wrong in the configuration of arrays and computes.',
    )
    .addHelpText('after', '\nExamples:\n  siteswap plugins\n  siteswap plugins --json')
    .action(async () => {
      const plugins = await cli.client.inventory.plugins();
      cli.answer(plugins, () => pluginTable(plugins, cli));
      if (!cli.json) tellMisconfigured(cli, plugins);
    });
  program
    .command('sites')
    .summary('list sites, and which are declared lost')
    .description('Lists the sites, and which of them are declared lost.')
    .addHelpText('after', '\nExamples:\n  siteswap sites')
    .action(async () => {
      const sites = await cli.client.inventory.sites();
      cli.answer(sites, () => siteTable(sites, cli));
    });
  addRemotes(program, cli, 'arrays', RemoteKind.ARRAY);
  addRemotes(program, cli, 'computes', RemoteKind.COMPUTE);
  program
    .command('devices')
    .summary('discover devices with role, pair state, group and peer')
    .description(`Discovers devices. With --json: one per line; ${troubledLine('an array')}.`)
    .option('--array <id...>', 'only of these arrays')
    .option(...recordedOption)
    .option('--watch', 'go on with whatever changes, one line each, until Ctrl-C')
    .option('--interval <ms>', 'with --watch: milliseconds between two looks', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  siteswap devices --array array-east\n  siteswap devices --json\n' +
        '  siteswap devices --watch --interval 5000',
    )
    .action(({ array = [], recorded = false, watch, interval = 0 }: DevicesOptions) =>
      watch === true ? watchDevices(cli, array, interval) : devices(cli, array, recorded),
    );
  program
    .command('vms')
    .summary('list VMs')
    .description(`Lists VMs. With --json: one VM per line; ${troubledLine('a compute')}.`)
    .option('--compute <id...>', 'only of these computes')
    .option(...recordedOption)
    .addHelpText('after', '\nExamples:\n  siteswap vms --compute compute-west')
    .action(({ compute = [], recorded = false }) => vms(cli, { compute, recorded }));
  program
    .command('datastores')
    .summary('list datastores')
    .description(`Lists datastores. With --json: one per line; ${troubledLine('a compute')}.`)
    .option('--compute <id...>', 'only of these computes')
    .option(...recordedOption)
    .addHelpText('after', '\nExamples:\n  siteswap datastores')
    .action(({ compute = [], recorded = false }) => datastores(cli, { compute, recorded }));
};
