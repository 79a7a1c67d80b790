/**
 * The daemon dies after entry 1, 2, 3 … of a run, each time in the same world, while a client
 * watches. Whatever the entry, the run's end is the one that it has without a crash, and the
 * client has seen every event once.
 */
import test, { type ExecutionContext } from 'ava';
import {
  Mode,
  PolicyActionType,
  Reach,
  type RunEvent,
  RunEventType,
  RunResult,
} from '../../sdk/client/index.ts';
import type { DaemonConfig } from '../../sdk/testing/index.ts';
import { survive } from '../_support/crash.ts';
import { repeatedTasks } from '../_support/daemon.ts';
import { Lane } from '../_support/lane.ts';

/** As many as the smallest machine that runs this has processors. */
const lanes = 2;

/** Some 90 tries of a second or two; a machine that has other things to do takes much longer. */
const patienceMs = 20 * 60_000;

/** More entries than any of these runs has: beyond, counting has gone wrong. */
const entriesMax = 200;

interface Way {
  readonly mode: Mode;
  readonly policies?: Parameters<typeof survive>[1]['policies'];
  readonly config?: Partial<DaemonConfig>;
  readonly result: RunResult;
  /** Where the VMs run in the end. */
  readonly at: 'a' | 'b';
  /** How often each VM may have been started in all, by then. */
  readonly boots: readonly number[];
  /** Crashes ahead of this event are another way's. */
  readonly from: (event: RunEvent) => boolean;
  /** Fewer would mean that something was left out; how far the other group gets differs. */
  readonly triesMin: number;
}

/** What the run has left, and how often each VM was started in all. */
const foundBy = async (lane: Lane, { at }: Way) => {
  const { vms, ...found } = await lane.found(at);
  return {
    boots: vms.map(({ boots }) => boots),
    found: { ...found, vms: vms.map(({ boots: _, ...count }) => count) },
  };
};

const tryOnce = async (lane: Lane, way: Way, entries: number) => {
  const daemon = await lane.begin(entries);
  try {
    const { mode, policies = {} } = way;
    const order = { planId: 'move', mode, requestKey: 'once', policies };
    const { run, events, died } = await survive(daemon, order);
    return { run, events, died, ...(await foundBy(lane, way)) };
  } finally {
    await daemon.stop();
    await lane.end();
  }
};

/**
 * The way's first entry in a run whose other group is half as far by then: how far it is differs
 * from try to try, and no crash may be left out for it.
 */
const firstOf = ({ from }: Way, events: readonly RunEvent[]): number => {
  const at = events.findIndex(from);
  const group = events[at]?.workgroupId ?? '';
  const isBeside = ({ workgroupId }: RunEvent) => !['', group].includes(workgroupId);
  const beside = events.slice(0, at).filter(isBeside);
  return at + 1 - Math.ceil(beside.length / 2);
};

/** Crashes from the way's first entry on, until a run ends before its daemon dies. */
const crashAtEach = async (t: ExecutionContext, way: Way): Promise<void> => {
  t.timeout(patienceMs);
  const opened = Array.from({ length: lanes }, () => Lane.open(t, way.config));
  const [first, ...others] = await Promise.all(opened);
  if (first === undefined) return;
  const whole = await tryOnce(first, way, 0);
  t.is(whole.run.result, way.result);
  const harm = whole.found.vms.filter((vm) => vm.lost + vm.missing + vm.doubleWriters > 0);
  t.deepEqual(harm, []);
  t.true(whole.events.some(way.from));
  let next = firstOf(way, whole.events);
  t.true(next > 0);
  let tries = 0;
  const crash = async (lane: Lane): Promise<void> => {
    while (next < entriesMax) {
      const entries = next++;
      const { run, events, died, found, boots } = await tryOnce(lane, way, entries);
      const after = `after ${entries} entries`;
      t.is(run.result, whole.run.result, after);
      t.deepEqual(found, whole.found, after);
      for (const count of boots) t.true(way.boots.includes(count), `${after}: ${boots}`);
      t.deepEqual(repeatedTasks(events), [], after);
      t.deepEqual(
        events.map(({ cursor }) => cursor),
        events.map((_, at) => at + 1),
        after,
      );
      t.is(events.length, run.cursor, after);
      if (!died) return;
      tries++;
    }
  };
  await Promise.all([first, ...others].map(crash));
  t.log(`${tries} crashes`);
  t.true(tries >= way.triesMin);
  t.true(tries < entriesMax - lanes);
};

test.serial('crash: after each entry of a planned run → it ends as without', crashAtEach, {
  mode: Mode.PLANNED,
  result: RunResult.SUCCEEDED,
  at: 'b',
  boots: [2],
  from: ({ cursor }: RunEvent) => cursor === 1,
  triesMin: 50,
});

const noRoom = {
  name: 'no-room',
  step: 'register',
  direction: 'run',
  effect: { effect: 'error', fault: { kind: 'refused', message: 'no room for another VM' } },
};

test.serial('crash: after each entry of a rollback → everything is as before', crashAtEach, {
  mode: Mode.PLANNED,
  policies: { register: { otherwise: { type: PolicyActionType.ROLLBACK, reach: Reach.RUN } } },
  config: { injections: [noRoom] },
  result: RunResult.ROLLED_BACK,
  at: 'a',
  // How far the group beside the one that failed had come differs: its VM may never have stopped.
  boots: [1, 2],
  from: ({ type }: RunEvent) => type === RunEventType.POLICY_APPLIED,
  triesMin: 12,
});
