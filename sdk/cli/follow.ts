/**
 * Follows a run to its end: in place on a terminal, line by line elsewhere, as JSON for programs.
 *
 * The events say when to look; what is drawn is the daemon's own picture of the run, so that the
 * view cannot drift from the truth, however many events it missed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createLogUpdate } from 'log-update';
import { type Run, RunEventType, RunResult, RunStatus } from '../../proto/gen/siteswap/v1/run.ts';
import { CallError } from '../client/index.ts';
import type { Cli } from './cli.ts';
import { exits } from './exit.ts';
import { whileStoppable } from './stop.ts';
import { type Telling, tellingLines, tellingOf } from './views/event.ts';
import {
  attentionLines,
  type Canvas,
  changeLines,
  type LogLine,
  outcomeLine,
  outcomeOf,
  runLines,
} from './views/run.ts';

/** Between two pictures: often enough to look alive, rarely enough to cost the daemon nothing. */
const drawMsMin = 150;

/** While the events up to now are read. */
const lookMs = 20;

/** A daemon that is restarted is waited for this long, with a look this often. */
const awayMsMax = 120_000;
const awayLookMs = 250;

/** A run of many workgroups is drawn less often, since its picture is large. */
const drawMsLarge = 1_000;
const largeWorkgroups = 2_000;

/** Without news, a picture this often: the clock in it goes on. */
const drawMsIdle = 1_000;

/** The newest lines about what is not ordinary, below the picture. */
const linesTold = 6;

/** Lines that the steps and the title of a picture need beside its workgroups. */
const linesBesideMin = 8 + linesTold;

/** The exit code that a run's state stands for. */
export const exitOfRun = (run: Run): number =>
  run.status === RunStatus.ENDED && run.result === RunResult.SUCCEEDED ? exits.done : exits.notWell;

const settled = (run: Run): boolean =>
  run.status === RunStatus.ENDED ||
  run.status === RunStatus.PARKED ||
  run.status === RunStatus.STUCK;

const canvasOf = (cli: Cli, run: Run): Canvas => {
  const rows = cli.terminal.stdout.rows ?? 40;
  return {
    width: cli.terminal.width,
    nowMs: cli.terminal.now(),
    tone: cli.terminal.tone,
    workgroupsMax: Math.max(4, Math.min(20, rows - run.steps.length - linesBesideMin)),
  };
};

const isAway = (error: unknown): boolean =>
  error instanceof CallError && error.code === 'UNAVAILABLE';

/**
 * The run as it is now. A daemon that is away comes back, as watches know; so this waits for it.
 * Given up: `last`, the picture before.
 */
const look = async (cli: Cli, runId: string, signal: AbortSignal, last?: Run): Promise<Run> => {
  for (const endMs = Date.now() + awayMsMax; ; ) {
    try {
      const run = await cli.client.runs.get(runId, { signal });
      cli.note('away', false);
      return run;
    } catch (error) {
      if (signal.aborted && last !== undefined) return last;
      if (!isAway(error) || Date.now() > endMs) throw error;
      cli.note('away', true);
    }
    await delay(awayLookMs, undefined, { signal }).catch(() => {});
  }
};

/** What the events told since the last picture. */
interface News {
  /** Something happened. */
  fresh: boolean;
  /** The run has ended, or the watch has. */
  over: boolean;
  /** Of the newest event that was read. */
  cursor: number;
  /** What is not ordinary. */
  tellings: Telling[];
  /** When something of a step was done last, by the events that were read. */
  readonly doneMs: Map<string, number>;
  failure?: unknown;
}

/** Reads events: they say when to look again, and what happened between two pictures. */
const listen = async (cli: Cli, runId: string, signal: AbortSignal, news: News): Promise<void> => {
  try {
    for await (const event of cli.client.runs.watch(runId, { cursor: news.cursor, signal })) {
      const atMs = event.time?.getTime() ?? 0;
      const telling = tellingOf(event);
      if (telling !== undefined) news.tellings.push(telling);
      if (event.type === RunEventType.TASK_OUTCOME) news.doneMs.set(event.step, atMs);
      news.cursor = event.cursor;
      news.fresh = true;
    }
  } catch (error) {
    if (!signal.aborted) news.failure = error;
  }
  news.over = true;
};

interface Picture {
  readonly before: Run | undefined;
  readonly run: Run;
  readonly lines: readonly LogLine[];
  readonly doneMs: ReadonlyMap<string, number>;
  readonly last: boolean;
}

/** Line by line: what happened, the steps that finished, and at the end how it stands. */
const drawLog = (cli: Cli, { before, run, lines, doneMs, last }: Picture): void => {
  const { terminal } = cli;
  const canvas = canvasOf(cli, run);
  const all = [...lines, ...changeLines(before, run, doneMs, canvas)];
  for (const { text } of all.sort((one, other) => one.atMs - other.atMs)) terminal.print(text);
  if (!last) return;
  for (const line of [outcomeLine(run, canvas), ...attentionLines(run, canvas)]) {
    terminal.print(line);
  }
};

const drawTo = (cli: Cli): ((picture: Picture) => void) => {
  if (!cli.terminal.live) return (picture) => drawLog(cli, picture);
  const update = createLogUpdate(cli.terminal.stdout);
  const told: string[] = [];
  return ({ run, lines, last }) => {
    told.push(...lines.map(({ text }) => text));
    const recent = told.slice(-linesTold);
    const below = recent.length === 0 ? [] : ['', ...recent];
    update([...runLines(run, canvasOf(cli, run)), ...below].join('\n'));
    if (last) update.done();
  };
};

const drawUntilSettled = async (
  cli: Cli,
  runId: string,
  cursor: number | undefined,
  signal: AbortSignal,
): Promise<Run> => {
  const stop = new AbortController();
  const draw = drawTo(cli);
  let before: Run | undefined;
  let run = await cli.client.runs.get(runId);
  const news: News = {
    fresh: false,
    over: false,
    cursor: cursor ?? run.cursor,
    tellings: [],
    doneMs: new Map(),
  };
  const listening = listen(cli, runId, AbortSignal.any([signal, stop.signal]), news);
  try {
    await caughtUp(news, run.cursor, signal);
    for (;;) {
      // The last picture waits for the events behind it: they say why it looks so.
      const last = signal.aborted || (settled(run) && (news.cursor >= run.cursor || news.over));
      cli.noteHeld();
      const lines = tellingLines(news.tellings.splice(0), cli.terminal);
      draw({ before, run, lines, doneMs: news.doneMs, last });
      if (last) return run;
      if (news.failure !== undefined) throw news.failure;
      news.fresh = false;
      await pause(news, run.workgroupsTotal > largeWorkgroups ? drawMsLarge : drawMsMin, signal);
      before = run;
      run = await look(cli, runId, signal, run);
    }
  } finally {
    stop.abort();
    await listening;
  }
};

/** Waits until everything that led to the first picture has been read. */
const caughtUp = async (news: News, cursor: number, signal: AbortSignal): Promise<void> => {
  while (news.cursor < cursor && !news.over && !signal.aborted) await pause(news, lookMs, signal);
};

/** Waits for news, at least `msMin` and not longer than a clock needs to look alive. */
const pause = async (news: News, msMin: number, signal: AbortSignal): Promise<void> => {
  for (let waited = 0; waited < drawMsIdle && !signal.aborted; waited += msMin) {
    await delay(msMin, undefined, { signal }).catch(() => {});
    if (news.fresh || news.over) return;
  }
};

const isStop: ReadonlySet<RunEventType> = new Set([
  RunEventType.RUN_PARKED,
  RunEventType.RUN_ENDED,
]);

/** One JSON line per event, until the run has ended or needs a person. */
const printEvents = async (
  cli: Cli,
  runId: string,
  cursor: number,
  signal: AbortSignal,
): Promise<Run> => {
  for await (const event of cli.client.runs.watch(runId, { cursor, signal })) {
    cli.line(event);
    if (!isStop.has(event.type)) continue;
    const run = await look(cli, runId, signal);
    if (settled(run) && run.cursor === event.cursor) return run;
  }
  return look(cli, runId, signal);
};

/**
 * Follows until the run has ended or needs a person; answers the exit code. Ctrl-C, SIGTERM or
 * `ended` end only the following. Events behind `cursor` are told; without one, for people: those
 * from now on.
 */
export const follow = (
  cli: Cli,
  runId: string,
  cursor?: number,
  ended: AbortSignal = new AbortController().signal,
): Promise<number> =>
  whileStoppable(async (interrupt) => {
    const signal = AbortSignal.any([interrupt, ended]);
    try {
      const run = cli.json
        ? await printEvents(cli, runId, cursor ?? 0, signal)
        : await drawUntilSettled(cli, runId, cursor, signal);
      if (!signal.aborted) return exitOfRun(run);
      cli.terminal.note(`the run goes on (${outcomeOf(run)}): siteswap watch ${runId}`);
      return exits.interrupted;
    } catch (error) {
      if (!signal.aborted) throw error;
      return exits.interrupted;
    }
  });
