/**
 * What requests may rely on, whatever keeps the queues: one suite, declared for each store. Members
 * are rigs here: what they execute and answer is said by the test.
 */
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Asker, type Question } from '../../daemon/cluster/asker.ts';
import type { Queues, Request } from '../../daemon/cluster/queues.ts';
import { Elsewhere, Responder } from '../../daemon/cluster/responder.ts';
import { SiteswapError } from '../../daemon/core/errors.ts';
import { systemClock } from '../../daemon/workers/system-clock.ts';

/** One member of a store that may have several. */
export interface Seat {
  readonly queues: Queues;
  /** It is gone, and gives nothing back. */
  die(): Promise<void>;
}

/** A new, empty store with its members; `own`: gives a run to a member, or (undefined) to none. */
export interface Store {
  seat(memberId: string): Promise<Seat>;
  own(runId: string, memberId: string | undefined): Promise<void>;
  /** Who drives what, as the store's members say it. */
  drives(memberId: string): (runId: string) => boolean;
}

const run = '/siteswap.v1.RunService';
const getRun = `${run}/GetRun`;
const plans = '/siteswap.v1.PlanService';

/** A member that notes what it does. */
class Rig {
  readonly memberId: string;
  readonly runs = new Set<string>();
  readonly done: Request[] = [];
  readonly seat: Seat;
  draining = false;
  /** What it says; default: its name. */
  say: (request: Request, began: (runId: string) => void) => Promise<readonly string[]> =
    async () => [this.memberId];

  constructor(memberId: string, seat: Seat) {
    this.memberId = memberId;
    this.seat = seat;
  }

  async open(drives: (runId: string) => boolean): Promise<void> {
    const rig = this;
    const responder = new Responder(this.seat.queues, {
      memberId: this.memberId,
      draining: () => this.draining,
      drives,
      executes: (runId) => this.runs.has(runId),
      answer: async function* (request, _signal, began) {
        rig.done.push(request);
        for (const text of await rig.say(request, began)) yield Buffer.from(text);
      },
    });
    await responder.open();
  }
}

interface World {
  readonly store: Store;
  readonly rigs: readonly Rig[];
  readonly asker: Asker;
  member(memberId: string): Promise<Rig>;
  /** The parts of an answer, one after the other, or the reason of the error. */
  ask(method: string, more?: Partial<Question>): Promise<string>;
}

const worldOf = async (
  t: ExecutionContext,
  store: Store,
  names: readonly string[],
): Promise<World> => {
  const rigs: Rig[] = [];
  const member = async (memberId: string): Promise<Rig> => {
    const rig = new Rig(memberId, await store.seat(memberId));
    await rig.open(store.drives(memberId));
    t.teardown(() => rig.seat.queues.close());
    rigs.push(rig);
    return rig;
  };
  for (const name of names) await member(name);
  const [first] = rigs as [Rig];
  const asker = new Asker({ queues: first.seat.queues, clock: systemClock() });
  t.teardown(() => asker.close());
  const ask: World['ask'] = async (method, more = {}) => {
    const { signal } = new AbortController();
    const question = { method, runId: '', body: Buffer.from('?'), waitMs: 20_000, signal };
    const parts: string[] = [];
    try {
      for await (const body of asker.ask({ ...question, ...more })) {
        parts.push(Buffer.from(body).toString());
      }
    } catch (error) {
      return error instanceof SiteswapError ? error.reason : String(error);
    }
    return parts.join(' ');
  };
  return { store, rigs, asker, member, ask };
};

type Run = (t: ExecutionContext, world: World) => Promise<void>;
const promises: { title: string; names: readonly string[]; run: Run }[] = [];
const promise = (title: string, names: readonly string[], run: Run): void => {
  promises.push({ title, names, run });
};

/** Declares the suite; `prepare` makes a new, empty store. One at a time: servers have bounds. */
export const queuesSuite = (
  name: string,
  prepare: (t: ExecutionContext) => Promise<Store>,
): void => {
  for (const { title, names, run: body } of promises) {
    test.serial(`queues ${name}: ${title}`, async (t) => {
      await body(t, await worldOf(t, await prepare(t), names));
    });
  }
};

promise('what changes something is done by one member, once', ['a', 'b', 'c'], async (t, world) => {
  const answers = await Promise.all(
    Array.from({ length: 30 }, () => world.ask(`${plans}/CreatePlan`)),
  );
  t.true(answers.every((answer) => ['a', 'b', 'c'].includes(answer)));
  const ids = world.rigs.flatMap(({ done }) => done.map(({ id }) => id));
  t.is(ids.length, 30);
  t.is(new Set(ids).size, 30);
});

/** Requests go to one member in turn, as through a balancer that knows nothing of runs. */
const inTurn = (queues: Queues, names: readonly string[]): Queues => {
  let turn = 0;
  return new Proxy(queues, {
    get: (target, name: keyof Queues) => {
      if (name !== 'put') return target[name].bind(target);
      return (request: Request) =>
        target.put(request, { kind: 'member', memberId: names[turn++ % names.length] as string });
    },
  });
};

promise(
  'asked directly → the driver alone is asked; everybody, when it is silent or there is none',
  ['a', 'b', 'c'],
  async (t, world) => {
    const [a, b, c] = world.rigs as [Rig, Rig, Rig];
    const asker = new Asker({ queues: a.seat.queues, clock: systemClock(), direct: true });
    t.teardown(() => asker.close());
    const { signal } = new AbortController();
    const asked = { method: getRun, runId: 'r', body: Buffer.from('?'), waitMs: 20_000, signal };
    const ask = async () => Buffer.from(await asker.one(asked)).toString();
    await world.store.own('r', 'b');
    b.runs.add('r');
    c.runs.add('r');
    for (let n = 0; n < 10; n++) t.is(await ask(), 'b');
    t.deepEqual([b.done.length, c.done.length], [10, 0]);
    // On paper it drives the run, and knows nothing of it yet.
    b.runs.delete('r');
    t.is(await ask(), 'c');
    await world.store.own('r', undefined);
    t.is(await ask(), 'c');
    t.deepEqual([b.done.length, c.done.length], [10, 2]);
  },
);

const four = ['a', 'b', 'c', 'd'];

promise('control: put to one member in turn → one in four is answered', four, async (t, world) => {
  const [first, owner] = world.rigs as [Rig, Rig];
  await world.store.own('r', 'b');
  owner.runs.add('r');
  const asker = new Asker({ queues: inTurn(first.seat.queues, four), clock: systemClock() });
  t.teardown(() => asker.close());
  const { signal } = new AbortController();
  const question = { method: getRun, runId: 'r', body: Buffer.from('?'), waitMs: 5_000, signal };
  const asked = Array.from({ length: 16 }, () => asker.one(question).then(String));
  const answers = (await Promise.allSettled(asked)).map((one) =>
    one.status === 'fulfilled' ? one.value : (one.reason as SiteswapError).reason,
  );
  t.is(answers.filter((answer) => answer === 'b').length, 4);
  t.is(answers.filter((answer) => answer === 'RUN_UNAVAILABLE').length, 12);
});

promise('a member asks itself when it is alone', ['a'], async (t, world) => {
  await world.store.own('r', 'a');
  world.rigs[0]?.runs.add('r');
  t.is(await world.ask(getRun, { runId: 'r' }), 'a');
  t.is(await world.ask(`${run}/CancelRun`, { runId: 'r' }), 'a');
  t.is(await world.ask(`${run}/ListRuns`), 'a');
});

promise('only who executes a run answers for it', ['a', 'b', 'c'], async (t, world) => {
  await world.store.own('r', 'b');
  world.rigs[1]?.runs.add('r');
  t.is(await world.ask(getRun, { runId: 'r' }), 'b');
  t.deepEqual(
    world.rigs.map(({ done }) => done.length),
    [0, 1, 0],
  );
});

promise(
  'of two that executed it the first is heard, and one only',
  ['a', 'b'],
  async (t, world) => {
    const [a, b] = world.rigs as [Rig, Rig];
    for (const rig of [a, b]) rig.runs.add('r');
    const late = Promise.withResolvers<void>();
    a.say = async () => {
      await late.promise;
      return ['late'];
    };
    t.is(await world.ask(getRun, { runId: 'r' }), 'b');
    while (a.done.length === 0) await delay(10);
    late.resolve();
  },
);

promise('a run that nobody has executed is told of by any', ['a', 'b'], async (t, world) => {
  t.regex(await world.ask(getRun, { runId: 'gone' }), /^[ab]$/);
  t.is(world.rigs.flatMap(({ done }) => done).length, 1);
});

promise(
  'the owner is silent → unavailable, and nobody else is asked',
  ['a', 'b'],
  async (t, world) => {
    await world.store.own('r', 'b');
    t.is(await world.ask(getRun, { runId: 'r', waitMs: 600 }), 'RUN_UNAVAILABLE');
    t.deepEqual(
      world.rigs.flatMap(({ done }) => done),
      [],
    );
  },
);

promise('a silent member delays nobody', ['a', 'b'], async (t, world) => {
  const [a, b] = world.rigs as [Rig, Rig];
  await world.store.own('r', 'a');
  await world.store.own('s', 'b');
  a.runs.add('r');
  b.runs.add('s');
  const never = Promise.withResolvers<readonly string[]>();
  b.say = () => never.promise;
  const stalled = world.ask(getRun, { runId: 's', waitMs: 10_000 });
  for (let n = 0; n < 20; n++) t.is(await world.ask(getRun, { runId: 'r' }), 'a');
  never.resolve(['b']);
  t.is(await stalled, 'b');
});

promise(
  'what steers a run is done by its driver, wherever it is by then',
  ['a', 'b'],
  async (t, world) => {
    const [a, b] = world.rigs as [Rig, Rig];
    await world.store.own('r', 'a');
    a.say = async () => {
      await world.store.own('r', 'b');
      throw new Elsewhere('r');
    };
    t.is(await world.ask(`${run}/ResumeRun`, { runId: 'r' }), 'b');
    t.deepEqual([a.done.length, b.done.length], [1, 1]);
    t.is(a.done[0]?.id, b.done[0]?.id);
  },
);

promise('a member that leaves has another one do it', ['a', 'b'], async (t, world) => {
  const [a] = world.rigs as [Rig];
  a.say = async () => {
    a.draining = true;
    throw new Elsewhere('');
  };
  for (let n = 0; n < 5; n++) t.is(await world.ask(`${run}/StartRun`), 'b');
});

promise('errors travel whole', ['a'], async (t, world) => {
  const [a] = world.rigs as [Rig];
  const violations = [{ field: 'vms[0]', message: 'is unknown' }];
  const more = { subject: 'erp', vendorCode: '0x12', hint: 'Mend it.', violations };
  a.say = async () => {
    throw new SiteswapError('PLAN_INVALID', 'not so', more);
  };
  const { signal } = new AbortController();
  const question = { method: `${plans}/CreatePlan`, runId: '', body: Buffer.alloc(0) };
  const error = await t.throwsAsync(world.asker.one({ ...question, waitMs: 20_000, signal }));
  t.like(error, { reason: 'PLAN_INVALID', message: 'not so', ...more });
});

promise('the run that is waited for is told ahead of the answer', ['a', 'b'], async (t, world) => {
  const heard = Promise.withResolvers<string>();
  for (const rig of world.rigs) {
    rig.say = async (_, began) => {
      began('r1');
      // Twice is as good as once, and no answer comes before it was heard.
      began('r1');
      return [`${await heard.promise} by ${rig.memberId}`];
    };
  }
  const answer = await world.ask(`${plans}/CreatePlan`, { began: heard.resolve });
  t.regex(answer, /^r1 by [ab]$/);
});

promise(
  'a member dies after it has told of the run → another one answers',
  ['a', 'b'],
  async (t, world) => {
    const [a, b] = world.rigs as [Rig, Rig];
    const heard = Promise.withResolvers<string>();
    const late = Promise.withResolvers<readonly string[]>();
    await world.store.own('r', 'a');
    a.say = async (_, began) => {
      began('r1');
      return late.promise;
    };
    b.say = async (_, began) => {
      began('r1');
      return ['b'];
    };
    const asked = world.ask(`${run}/ResumeRun`, { runId: 'r', began: heard.resolve });
    t.is(await heard.promise, 'r1');
    await a.seat.die();
    await world.store.own('r', 'b');
    t.is(await asked, 'b');
    late.resolve(['a']);
  },
);

promise('a stream comes part by part, in order, to its end', ['a', 'b'], async (t, world) => {
  const parts = Array.from({ length: 40 }, (_, n) => `${n}`);
  for (const rig of world.rigs) rig.say = async () => parts;
  const method = '/siteswap.v1.InventoryService/DiscoverDevices';
  t.is(await world.ask(method), parts.join(' '));
});

promise('a body of a megabyte arrives as it was', ['a', 'b'], async (t, world) => {
  const body = Buffer.alloc(2 ** 20, 'siteswap');
  for (const rig of world.rigs) rig.say = async (request) => [Buffer.from(request.body).toString()];
  t.is(await world.ask(`${plans}/CreatePlan`, { body }), body.toString());
});

promise('a member that joins is asked too', ['a'], async (t, world) => {
  const joined = await world.member('b');
  await world.store.own('r', 'b');
  joined.runs.add('r');
  t.is(await world.ask(getRun, { runId: 'r' }), 'b');
});

promise('the owner dies → unavailable; taken over → answered', ['a', 'b'], async (t, world) => {
  const [a, b] = world.rigs as [Rig, Rig];
  await world.store.own('r', 'b');
  b.runs.add('r');
  await b.seat.die();
  b.runs.clear();
  t.is(await world.ask(getRun, { runId: 'r', waitMs: 6_000 }), 'RUN_UNAVAILABLE');
  await world.store.own('r', 'a');
  a.runs.add('r');
  t.is(await world.ask(getRun, { runId: 'r' }), 'a');
});

promise('what runs a member has executed is kept', ['a'], async (t, world) => {
  const { queues } = (world.rigs as [Rig])[0].seat;
  await queues.keepExecuted('a', ['r', 's']);
  await queues.keepExecuted('a', ['s']);
  t.deepEqual([...(await queues.executed('a'))].sort(), ['r', 's']);
  t.deepEqual(await queues.executed('b'), []);
});
