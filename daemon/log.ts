/**
 * The daemon's log: one JSON object a line, to standard error or a file, from which every known
 * secret has been taken out, wherever it stands in it. Whoever logs needs not think of secrets:
 * vendors' errors like to quote the request that failed.
 */
import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Logger, pino } from 'pino';
import type { Secret } from '../sdk/plugin/config.ts';
import type { DaemonConfig } from './config.ts';
import type { RunState } from './core/engine/state.ts';
import type { Entry } from './core/entries.ts';
import { scrubberOf } from './host/scrub.ts';
import type { RunLog } from './runner/log.ts';
import { withSources } from './stack.ts';
import type { PluginLog } from './workers/threads.ts';

/** Lines that wait for a reader of standard error that does not read; more are dropped. */
const waitingBytesMax = 8 * 1024 * 1024;

const standardError = 2;

/** Whose line it is. Every part that is known stands in the line under its own name. */
export interface LogIds {
  readonly run?: string;
  readonly workgroup?: string;
  readonly step?: string;
  readonly call?: string;
}

export interface DaemonLog {
  readonly logger: Logger;
  /** A logger whose lines carry these ids. */
  about(ids: LogIds): Logger;
  /** Writes what waits. */
  close(): void;
}

/**
 * `write` gets whole lines; absent: they go where the configuration says. Throws when the log file
 * cannot be opened.
 */
export const createLog = (
  config: Pick<DaemonConfig, 'log' | 'secrets'>,
  write?: (line: string) => void,
): DaemonLog => {
  const target = write === undefined ? open(config.log.file) : undefined;
  const pass = write ?? ((line: string) => target?.write(line));
  const clean = lineCleaner(config.secrets);
  const logger = pino(
    {
      level: config.log.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: thrownFacts },
    },
    { write: (line) => pass(clean(line)) },
  );
  return {
    logger,
    about: (ids) => logger.child(ids),
    close: () => {
      if (target) flush(target);
    },
  };
};

/** What was thrown, as a line tells it. */
const thrownFacts = (thrown: unknown): unknown => {
  if (!(thrown instanceof Error)) return thrown;
  const facts = pino.stdSerializers.err(thrown);
  return { ...facts, stack: withSources(facts.stack) };
};

const open = (file: string | undefined) => {
  const target = pino.destination({
    dest: file === undefined ? standardError : openFile(file),
    // Nobody can make a file wait; a reader of standard error that does not read must not stop us.
    sync: file !== undefined,
    maxLength: waitingBytesMax,
  });
  // A full disk costs lines; it must not cost the daemon, which the journal keeps going.
  target.on('error', () => {});
  return target;
};

const openFile = (file: string): number => {
  try {
    mkdirSync(dirname(file), { recursive: true });
    return openSync(file, 'a', 0o600);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The log file ${file} cannot be opened (${why}): name another in log.file.`);
  }
};

const flush = (target: ReturnType<typeof open>): void => {
  try {
    target.flushSync();
  } catch {
    // As above: what cannot be written now is lost, and nobody is left to be told.
  }
};

/** Takes secrets out of a line of JSON, which stays one. Lines without any cost one search each. */
const lineCleaner = (secrets: readonly Secret[]): ((line: string) => string) => {
  const { text } = scrubberOf(secrets.map((secret) => secret.reveal()));
  const cleanValue = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(cleanValue);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [text(key), cleanValue(inner)]),
    );
  };
  return (line) =>
    text(line) === line ? line : `${JSON.stringify(cleanValue(JSON.parse(line)))}\n`;
};

/**
 * The engine's lines: a run's own turns at `info`, faults and what was made of them at `warn`,
 * every other entry at `debug`. Called for each entry, so a line that is not wanted costs next to
 * nothing.
 */
export const runLogOf = ({ logger }: DaemonLog): RunLog => ({
  entry(state, entry) {
    const level = levelOf(entry);
    if (!logger.isLevelEnabled(level)) return;
    logger[level]({ ...idsOf(state, entry), ...factsOf(entry) }, entry.type);
  },
  broken(runId, error) {
    logger.error({ run: runId, err: error }, 'the run stopped on a defect; a restart goes on');
  },
  untidy(error) {
    logger.warn({ err: error }, 'old runs could not be forgotten; it is tried again');
  },
  begun() {
    logger.warn('the journal is empty: no plan, run or declared loss is known');
  },
  remote(remote, message) {
    if (message === '') logger.info({ remote }, 'answers again');
    else logger.warn({ remote }, message);
  },
  plugin(plugin, problem) {
    logger.error({ plugin }, problem);
  },
  misconfigured(remote, problem) {
    logger.error({ remote }, problem);
  },
  injections(on, requester, reason, rules) {
    const said = on ? 'INJECTIONS ARE ON: calls fail on purpose' : 'injections are off';
    logger.warn({ requester, reason, rules }, said);
  },
});

/** What plugins write to standard streams: lines of theirs, at `info`. */
export const pluginLogOf = ({ logger }: DaemonLog): PluginLog => ({
  said(plugin, text, dropped) {
    for (const line of text.split('\n')) {
      if (line.trim() !== '') logger.info({ plugin }, line);
    }
    if (dropped > 0) logger.warn({ plugin, dropped }, 'the plugin wrote too much to show it all');
  },
});

const levelOf = (entry: Entry): 'debug' | 'info' | 'warn' => {
  if (entry.type.startsWith('run-')) return 'info';
  if (entry.type === 'task-outcome') return entry.faults.length > 0 ? 'warn' : 'debug';
  if (entry.type === 'task-settled') return entry.unknowable.length > 0 ? 'warn' : 'debug';
  if (entry.type === 'claim-waits' || entry.type === 'done-elsewhere') return 'info';
  const warned: readonly string[] = [
    'policy-applied',
    'task-interrupted',
    'call-refused',
    'undo-refused',
  ];
  return warned.includes(entry.type) ? 'warn' : 'debug';
};

const idsOf = ({ started, frozen, groups }: RunState, entry: Entry): LogIds => {
  const run = started.runId;
  if (!('group' in entry)) return { run };
  const step = frozen.steps[entry.step]?.name ?? `${entry.step}`;
  const call = `${started.initiatorId}/${step}/${entry.direction}/${entry.attempt}`;
  return { run, workgroup: groups[entry.group]?.id ?? `${entry.group}`, step, call };
};

/** What of an entry is worth a line: never its whole content. */
const factsOf = (entry: Entry): object => {
  switch (entry.type) {
    case 'run-started':
      return { plan: entry.frozen.planId, mode: entry.frozen.mode, requester: entry.requester };
    case 'run-ended':
      return { result: entry.result };
    case 'run-resumed':
      return { decision: entry.decision, requester: entry.requester };
    case 'run-parked':
    case 'run-cancel-requested':
    case 'task-interrupted':
      return { reason: entry.reason };
    case 'run-taken-over':
      return { member: entry.memberId, epoch: entry.epoch };
    case 'run-site-lost':
    case 'run-site-reachable':
      return { site: entry.siteId };
    case 'task-outcome':
      return entry.faults.length > 0 ? { done: entry.done, faults: entry.faults } : {};
    case 'task-settled':
      return { done: entry.done, unknowable: entry.unknowable };
    case 'policy-applied':
      return { items: entry.items, fault: entry.fault, action: entry.action };
    case 'claim-waits':
      return { for: entry.runIds };
    case 'done-elsewhere':
    case 'undo-refused':
      return { items: entry.items, by: entry.byRunId };
    case 'call-refused':
      return { site: entry.siteId, verb: entry.verb };
    default:
      return {};
  }
};
