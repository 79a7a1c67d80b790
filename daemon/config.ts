/**
 * Reads the daemon's configuration. It either answers everything the daemon needs, checked, with
 * paths absolute and secrets resolved, or every problem of the file at once, each at its line.
 */
import { readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { Secret } from '../sdk/plugin/config.ts';
import type { CallRule } from '../sdk/scenario/rule.ts';
import { formatProblems, type Problem, parseYaml } from '../sdk/yaml/index.ts';
import { type Finding, isMapping, itemsOf, type Mapping } from './config/finding.ts';
import { injectionFindings } from './config/injections.ts';
import { injectorOf } from './config/injector.ts';
import { journalOf } from './config/journal.ts';
import { type ListenAddress, parseListen } from './config/listen.ts';
import { entryPlace, type Source, writtenOf } from './config/places.ts';
import { presentFindings } from './config/present.ts';
import { referenceFindings } from './config/references.ts';
import { configSchema, type logLevels } from './config/schema.ts';
import { resolveSecrets } from './config/secrets.ts';
import { presentedAs } from './core/presentation.ts';
import { type Retention, retentionOf } from './core/retention.ts';
import type { RemoteConfig } from './workers/pool.ts';

export type { ListenAddress } from './config/listen.ts';
export type LogLevel = (typeof logLevels)[number];

export interface DaemonConfig {
  /** The file that it was read from. */
  readonly file: string;
  /** Id of the site at which this daemon stands. */
  readonly site: string;
  readonly listen: readonly ListenAddress[];
  /** The state directory. */
  readonly state: string;
  /** Names this daemon among others that share its journal. */
  readonly member: string;
  /** The URL of the database with the journal; absent: a file in the state directory. */
  readonly postgres?: Secret;
  readonly sites: readonly { readonly id: string; readonly name: string }[];
  /** `module`: a package's name, or a file URL. `place`: where the entry stands. */
  readonly plugins: readonly {
    readonly id: string;
    readonly module: string;
    readonly place?: string;
  }[];
  /** Arrays, then computes; their ids are unique together. Secrets of plugins in clear. */
  readonly remotes: readonly RemoteConfig[];
  /** Worker threads for plugins. */
  readonly workers: number;
  readonly injections: readonly CallRule[];
  /** Who sends it has the role `injector`; absent: nobody has. */
  readonly injector?: Secret;
  /** How long ended runs are kept. */
  readonly retention: Retention;
  /** Without `file`: standard error. */
  readonly log: { readonly level: LogLevel; readonly file?: string };
  /** Every secret that is known, for the log to take out. */
  readonly secrets: readonly Secret[];
}

/** What the command line says over the file; its paths are relative to the working directory. */
export interface ConfigOverrides {
  readonly listen?: readonly string[];
  readonly state?: string;
  readonly member?: string;
}

/** Every problem of a configuration; the message shows them all, one under the other. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(file: string, problems: readonly Problem[]) {
    const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
    super(`The configuration ${file} has ${count}:\n${formatProblems(problems)}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

type Env = Readonly<Record<string, string | undefined>>;

/** Reads and checks the file. Throws ConfigError. */
export const loadConfig = (
  file: string,
  overrides: ConfigOverrides = {},
  env: Env = process.env,
): DaemonConfig => {
  const path = resolve(file);
  return parseConfig(readText(path), path, overrides, env);
};

const readText = (path: string): string => {
  try {
    if (!statSync(path).isFile()) throw new Error('it is not a file');
    return readFileSync(path, 'utf8');
  } catch (error) {
    const message = `cannot be read: ${error instanceof Error ? error.message : error}`;
    const expected = 'the path of a configuration file';
    throw new ConfigError(path, [{ file: path, line: 1, column: 1, path: '', message, expected }]);
  }
};

/** Checks `text` as the content of `file`, an absolute path. Throws ConfigError. */
export const parseConfig = (
  text: string,
  file: string,
  overrides: ConfigOverrides = {},
  env: Env = {},
): DaemonConfig => {
  const written = parseYaml(text, z.unknown(), { file });
  if ('problems' in written) throw new ConfigError(file, written.problems);
  const baseDir = dirname(file);
  const source = { file, locate: written.locate };
  const checked = parseYaml(text, configSchema, { file });
  const root = isMapping(written.value) ? written.value : {};
  const state = stateOf(root, overrides, baseDir);
  const listen = listenOf(root, overrides, baseDir, state);
  const remotes = remotesOf(root, { baseDir, env }, source);
  const journal = journalOf(root, { baseDir, env });
  const injector = injectorOf(root, { baseDir, env });
  const tokens = injector.token === undefined ? [] : [injector.token];
  const secrets = [...remotes.secrets, ...journal.secrets, ...tokens];
  const findings = [
    ...(state === undefined ? [stateMissing] : []),
    ...listen.findings,
    ...referenceFindings(root),
    ...presentFindings(root),
    ...injectionFindings(root, secrets),
    ...remotes.findings,
    ...journal.findings,
    ...injector.findings,
  ];
  const problems = [
    ...('problems' in checked ? checked.problems.map(hideConfigValue) : []),
    ...findings.map((finding) => ({ ...placeOf(finding, source), ...finding })),
  ];
  if ('problems' in checked || state === undefined || problems.length > 0) {
    problems.sort((a, b) => a.line - b.line || a.column - b.column);
    throw new ConfigError(file, problems);
  }
  const { value } = checked;
  const plugins = pluginsOf(value.plugins, baseDir, source);
  const modules = new Map(plugins.map(({ id, module }) => [id, module]));
  const { file: logFile, level } = value.log;
  return {
    file,
    site: value.site,
    listen: listen.addresses,
    state,
    member: overrides.member ?? value.member ?? hostname(),
    ...(journal.url === undefined ? {} : { postgres: journal.url }),
    sites: value.sites.map(({ id, name }) => ({ id, name: name ?? id })),
    plugins,
    remotes: remotes.remotes.map((remote) => ({
      ...remote,
      module: modules.get(remote.pluginId) as string,
    })),
    workers: value.workers,
    injections: value.injections,
    retention: retentionOf(value.retention),
    log: { level, ...(logFile !== undefined && { file: resolve(baseDir, logFile) }) },
    ...(injector.token === undefined ? {} : { injector: injector.token }),
    secrets,
  };
};

/** What the command line says over the file has no line in it. */
const placeOf = ({ path }: Finding, { file, locate }: Source) =>
  path.startsWith('--') ? { file: 'command line', line: 1, column: 1 } : { file, ...locate(path) };

const stateMissing: Finding = {
  path: '',
  message: '"state" is missing',
  expected: 'state: PATH in the file, or --state PATH on the command line',
};

const stateOf = (
  root: Mapping,
  overrides: ConfigOverrides,
  baseDir: string,
): string | undefined => {
  if (overrides.state) return resolve(overrides.state);
  return typeof root.state === 'string' ? resolve(baseDir, root.state) : undefined;
};

/** The command line's addresses, else the file's, else a socket in the state directory. */
const listenOf = (
  root: Mapping,
  overrides: ConfigOverrides,
  baseDir: string,
  state: string | undefined,
): { addresses: readonly ListenAddress[]; findings: readonly Finding[] } => {
  const given = Array.isArray(root.listen) ? root.listen : [root.listen];
  const written = given.flatMap((text, index) => {
    const path = Array.isArray(root.listen) ? `listen[${index}]` : 'listen';
    return typeof text === 'string' && text !== '' ? [{ text, path, dir: baseDir }] : [];
  });
  const ordered = overrides.listen?.map((text) => ({ text, path: '--listen', dir: '.' }));
  const chosen = ordered ?? written;
  if (chosen.length === 0 && state !== undefined) {
    chosen.push({ text: `unix:${join(state, 'siteswap.sock')}`, path: 'listen', dir: baseDir });
  }
  const addresses: ListenAddress[] = [];
  const findings: Finding[] = [];
  for (const { text, path, dir } of chosen) {
    const parsed = parseListen(text, dir);
    if ('kind' in parsed) addresses.push(parsed);
    else findings.push({ path, ...parsed });
  }
  return { addresses, findings };
};

const pluginsOf = (
  entries: readonly { readonly id: string; readonly module: string }[],
  baseDir: string,
  source: Source,
): DaemonConfig['plugins'] =>
  entries.map(({ id, module }, at) => ({
    id,
    module: moduleOf(module, baseDir),
    place: entryPlace(source, `plugins[${at}]`),
  }));

type UnplacedRemote = Omit<RemoteConfig, 'module'>;

const remotesOf = (
  root: Mapping,
  sources: { readonly baseDir: string; readonly env: Env },
  source: Source,
) => {
  const remotes: UnplacedRemote[] = [];
  const secrets: Secret[] = [];
  const findings: Finding[] = [];
  for (const kind of ['array', 'compute'] as const) {
    for (const { path, item } of itemsOf(root, `${kind}s`)) {
      const config = isMapping(item.config) ? item.config : {};
      const resolved = resolveSecrets(config, `${path}.config`, sources);
      secrets.push(...resolved.secrets);
      findings.push(...resolved.findings);
      const [id, siteId, pluginId] = [item.id, item.site, item.plugin].map(String) as Ids;
      const present = kind === 'array' ? presentOf(item) : {};
      const written = writtenOf(source, path, item);
      remotes.push({ id, kind, siteId, pluginId, config: resolved.config, ...present, written });
    }
  }
  return { remotes, secrets, findings };
};

/** What is not in the right form is found elsewhere. */
const presentOf = ({ present, peer }: Mapping): Pick<RemoteConfig, 'present'> => {
  const as = presentedAs.find((one) => one === present);
  return as === undefined ? {} : { present: { as, peerArrayId: String(peer) } };
};

type Ids = [id: string, siteId: string, pluginId: string];

/** A path becomes a URL, for whoever loads it need not know where the file stands. */
const moduleOf = (module: string, baseDir: string): string =>
  /^\.{0,2}[/\\]/.test(module) ? pathToFileURL(resolve(baseDir, module)).href : module;

/** What was found inside a plugin's configuration may be a secret in the wrong place. */
const hideConfigValue = (problem: Problem): Problem =>
  /^(arrays|computes)\[\d+\]\.config/.test(problem.path)
    ? { ...problem, message: 'this is not a mapping' }
    : problem;
