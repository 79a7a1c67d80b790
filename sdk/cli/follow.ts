/**
 * Follows a run to its end: in place on a terminal, line by line elsewhere, as JSON for programs.
 *
 * The events say when to look; what is drawn is the daemon's own picture of the run, so that the
 * view cannot drift from the truth, however many events it missed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { createLogUpdate } from 'log-update';
import { type Run, RunEventType, RunResult, RunStatus } from '../../proto/gen/siteswap/v1/run.ts';
import type { Cli } from './cli.ts';
import { exits } from './exit.ts';
import { attentionLines, type Canvas, changeLines, outcomeOf, runLines } from './views/run.ts';

/** Between two pictures: often enough to look alive, rarely enough to cost the daemon nothing. */
const drawMsMin = 150;

/** A run of many workgroups is drawn less often, since its picture is large. */
const drawMsLarge = 1_000;
const largeWorkgroups = 2_000;

/** Without news, a picture this often: the clock in it goes on. */
const drawMsIdle = 1_000;

/** Lines that the steps and the title of a picture need beside its workgroups. */
const linesBesideMin = 8;

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

interface News {
  /** Something happened since the last picture. */
  fresh: boolean;
  /** The run has ended, or the watch has. */
  over: boolean;
  failure?: unknown;
}

/** Reads events, so that the drawing knows when to look again. */
const listen = async (
  cli: Cli,
  runId: string,
  cursor: number,
  signal: AbortSignal,
  news: News,
): Promise<void> => {
  try {
    for await (const _ of cli.client.runs.watchPages(runId, { cursor, signal })) news.fresh = true;
  } catch (error) {
    if (!signal.aborted) news.failure = error;
  }
  news.over = true;
};

const drawTo = (cli: Cli): ((before: Run | undefined, run: Run, last: boolean) => void) => {
  const { terminal } = cli;
  if (!terminal.live) {
    return (before, run, last) => {
      const canvas = canvasOf(cli, run);
      for (const line of changeLines(before, run, canvas)) terminal.print(line);
      if (last) for (const line of attentionLines(run, canvas)) terminal.print(line);
    };
  }
  const update = createLogUpdate(terminal.stdout);
  return (_, run, last) => {
    update(runLines(run, canvasOf(cli, run)).join('\n'));
    if (last) update.done();
  };
};

const drawUntilSettled = async (cli: Cli, runId: string, signal: AbortSignal): Promise<Run> => {
  const stop = new AbortController();
  const news: News = { fresh: false, over: false };
  const draw = drawTo(cli);
  let before: Run | undefined;
  let run = await cli.client.runs.get(runId);
  const listening = listen(cli, runId, run.cursor, AbortSignal.any([signal, stop.signal]), news);
  try {
    for (;;) {
      const last = settled(run) || signal.aborted;
      draw(before, run, last);
      if (last) return run;
      if (news.failure !== undefined) throw news.failure;
      news.fresh = false;
      await pause(news, run.workgroupsTotal > largeWorkgroups ? drawMsLarge : drawMsMin, signal);
      before = run;
      run = await cli.client.runs.get(runId);
    }
  } finally {
    stop.abort();
    await listening;
  }
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
    const run = await cli.client.runs.get(runId);
    if (settled(run) && run.cursor === event.cursor) return run;
  }
  return cli.client.runs.get(runId);
};

/**
 * Follows until the run has ended or needs a person; answers the exit code. Ctrl-C ends only the
 * following. `cursor` is for programs: events behind it are printed.
 */
export const follow = async (cli: Cli, runId: string, cursor = 0): Promise<number> => {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.once('SIGINT', onInterrupt);
  try {
    const { signal } = interrupt;
    const run = cli.json
      ? await printEvents(cli, runId, cursor, signal)
      : await drawUntilSettled(cli, runId, signal);
    if (!signal.aborted) return exitOfRun(run);
    cli.terminal.note(`the run goes on (${outcomeOf(run)}): siteswap watch ${runId}`);
    return exits.interrupted;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    return exits.interrupted;
  } finally {
    process.removeListener('SIGINT', onInterrupt);
  }
};
