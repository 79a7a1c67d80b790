/** The claims about every changing verb, written once over its scenarios. */
import { type ClaimDefinition, touching } from '../claim.ts';
import { mustFault, unknownTarget } from '../expect.ts';
import { claim, show } from '../failure.ts';
import type { Need } from '../needs.ts';
import { type Ended, freshKey, mustBeDone } from '../remote.ts';
import { argsOf, remoteOf, type Scenario } from '../scenario.ts';
import { computeScenarios } from '../scenarios-compute.ts';
import { storageScenarios } from '../scenarios-storage.ts';
import { stretchedScenarios } from '../scenarios-stretched.ts';
import type { World } from '../world.ts';

const over = (
  scenario: Scenario,
  title: string,
  more: readonly Need[],
  check: ClaimDefinition['check'],
): ClaimDefinition => touching(title, [{ verb: scenario.verb }, ...scenario.needs, ...more], check);

/** One call of the scenario's verb to its end; `epoch`: other than that of now. */
const callOnce = (
  world: World,
  scenario: Scenario,
  key: string,
  epoch?: number,
): Promise<readonly Ended[]> =>
  remoteOf(world, scenario).call(scenario.verb, scenario.targets(world), {
    key,
    args: argsOf(world, scenario),
    ...(epoch === undefined ? {} : { epoch }),
  });

const mustShow = async (world: World, scenario: Scenario, expected: boolean): Promise<void> => {
  for (const { id } of scenario.targets(world)) {
    const has = await scenario.has?.(world, id);
    claim(
      has === undefined || has === expected,
      expected
        ? `${scenario.verb} said ok for ${id}, but it does not show that ${scenario.effect}`
        : `before ${scenario.verb} of ${id} it already shows that ${scenario.effect}`,
    );
  }
};

const identities = async (world: World, scenario: Scenario): Promise<string> => {
  const texts: string[] = [];
  for (const { id } of scenario.targets(world)) {
    texts.push(`${id}: ${await scenario.identity?.(world, id)}`);
  }
  return texts.join(', ');
};

const works = (scenario: Scenario): ClaimDefinition =>
  over(scenario, `works: ${scenario.name} → ${scenario.effect}`, [], async (world) => {
    await scenario.arrange(world);
    await mustShow(world, scenario, false);
    mustBeDone(scenario.verb, await callOnce(world, scenario, freshKey(scenario.verb)));
    await mustShow(world, scenario, true);
  });

/** The first answer is dropped and its session lost, as when a worker or the daemon died. */
const repeated = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `the same key twice after a dropped reply: ${scenario.name} → one effect`,
    [{ repeatable: scenario.verb }],
    async (world) => {
      await scenario.arrange(world);
      const key = freshKey(scenario.verb);
      const args = argsOf(world, scenario);
      const targets = scenario.targets(world);
      const dropped = await remoteOf(world, scenario).ask(scenario.verb, targets, { key, args });
      const ended = dropped.every(({ ok }) => ok === true);
      const first = ended ? await identities(world, scenario) : undefined;
      for (const time of ['second', 'third']) {
        await world.forgetSessions();
        mustBeDone(scenario.verb, await callOnce(world, scenario, key));
        await mustShow(world, scenario, true);
        const now = await identities(world, scenario);
        claim(
          first === undefined || now === first,
          `the ${time} call under one key had an effect of its own: ${first} became ${now}`,
        );
      }
    },
  );

const verdicts = async (world: World, scenario: Scenario, key: string, epoch?: number) => {
  const session = await remoteOf(world, scenario).session();
  const options = { args: argsOf(world, scenario), ...(epoch === undefined ? {} : { epoch }) };
  return session.settle(scenario.verb, scenario.targets(world), key, options);
};

const settled = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `settles: ${scenario.name} → absent before, done after, also in a new session`,
    [{ settle: scenario.verb }],
    async (world) => {
      await scenario.arrange(world);
      const key = freshKey(scenario.verb);
      for (const { id, verdict } of await verdicts(world, scenario, key)) {
        claim(verdict === 'absent', `settle of ${id} before any call said ${verdict}, not absent`);
      }
      mustBeDone(scenario.verb, await callOnce(world, scenario, key));
      for (const session of ['the same session', 'a new session']) {
        for (const { id, verdict } of await verdicts(world, scenario, key)) {
          claim(verdict === 'done', `settle of ${id} after success in ${session} said ${verdict}`);
        }
        await world.forgetSessions();
      }
    },
  );

/** Who drove the run under an older epoch calls when another one has it under a newer. */
const mustRefuseLate = async (
  world: World,
  scenario: Scenario,
  key: string,
  epoch: number,
): Promise<void> => {
  for (const ended of await callOnce(world, scenario, key, epoch)) {
    mustFault(`${scenario.verb} of ${ended.id} under an older epoch`, ended, ['fenced']);
  }
};

/** Whoever has the run now has asked, or called, and builds upon the answer. */
const fenced = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `fences: ${scenario.name}, asked about or done under a newer epoch → an older call is refused`,
    [{ property: 'fences' }],
    async (world) => {
      await scenario.arrange(world);
      const key = freshKey(scenario.verb);
      if (world.settles(scenario.verb)) {
        await verdicts(world, scenario, key, 2);
        await mustRefuseLate(world, scenario, key, 1);
        await mustShow(world, scenario, false);
      }
      mustBeDone(scenario.verb, await callOnce(world, scenario, key, 3));
      await mustRefuseLate(world, scenario, `${key.split('/', 1)[0]}/late`, 2);
      await mustShow(world, scenario, true);
    },
  );

/** Starts the operation; every target must be accepted. */
const start = async (world: World, scenario: Scenario, key: string) => {
  const args = argsOf(world, scenario);
  const targets = scenario.targets(world);
  const answers = await remoteOf(world, scenario).ask(scenario.verb, targets, { key, args });
  for (const answer of answers) {
    claim(answer.accepted, `${scenario.verb} of ${answer.id} said ${show(answer)}: not accepted`);
  }
  return answers;
};

const accepted = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `accepted: ${scenario.name} → polled to its end, twice, from new sessions`,
    [{ accepts: scenario.verb }],
    async (world) => {
      await scenario.arrange(world);
      const key = freshKey(scenario.verb);
      const answers = await start(world, scenario, key);
      for (let poll = 0; poll < 2; poll++) {
        await world.forgetSessions();
        const ended = await remoteOf(world, scenario).finish(scenario.verb, key, answers);
        mustBeDone(scenario.verb, ended);
      }
      await mustShow(world, scenario, true);
    },
  );

const settlesRunning = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `settles: ${scenario.name}, accepted → running, then done`,
    [{ accepts: scenario.verb }, { settle: scenario.verb }],
    async (world) => {
      await scenario.arrange(world);
      const key = freshKey(scenario.verb);
      const answers = await start(world, scenario, key);
      for (const { id, verdict } of await verdicts(world, scenario, key)) {
        const possible = verdict === 'running' || verdict === 'done';
        claim(possible, `settle of ${id}, an accepted operation, said ${verdict}`);
      }
      const ended = await remoteOf(world, scenario).finish(scenario.verb, key, answers);
      mustBeDone(scenario.verb, ended);
      for (const { id, verdict } of await verdicts(world, scenario, key)) {
        claim(verdict === 'done', `settle of ${id} after its operation ended said ${verdict}`);
      }
    },
  );

const partial = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `one bad target never fails its neighbours: ${scenario.name} → missing for it alone`,
    [],
    async (world) => {
      await scenario.arrange(world);
      const [first, ...rest] = scenario.targets(world);
      claim(first !== undefined, 'the fixture gives no target');
      const bad = unknownTarget(first);
      const ended = await remoteOf(world, scenario).call(scenario.verb, [first, bad, ...rest], {
        args: argsOf(world, scenario),
      });
      mustBeDone(
        scenario.verb,
        ended.filter(({ id }) => id !== bad.id),
      );
      const badEnded = ended.find(({ id }) => id === bad.id);
      mustFault(`${scenario.verb} of an unknown target`, badEnded, ['missing']);
      await mustShow(world, scenario, true);
    },
  );

/** Cut at several moments; whatever was reached, the same key then finishes it. */
const cancelled = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `cancels in time: ${scenario.name} → comes back, and its key can finish it`,
    [{ repeatable: scenario.verb }],
    async (world) => {
      const remote = remoteOf(world, scenario);
      await scenario.arrange(world);
      const key = freshKey(scenario.verb);
      const args = argsOf(world, scenario);
      const targets = scenario.targets(world);
      for (const afterMs of [0, 1, 5]) {
        const signal = afterMs === 0 ? AbortSignal.abort() : AbortSignal.timeout(afterMs);
        await remote.ask(scenario.verb, targets, { key, args, signal });
      }
      mustBeDone(scenario.verb, await callOnce(world, scenario, key));
      await mustShow(world, scenario, true);
    },
  );

const cancelledWhenSlow = (scenario: Scenario): ClaimDefinition =>
  over(
    scenario,
    `cancels in time: ${scenario.name} at a slow remote → comes back before the remote does`,
    [{ hook: 'slow' }, { repeatable: scenario.verb }],
    async (world) => {
      const remote = remoteOf(world, scenario);
      await scenario.arrange(world);
      const key = freshKey(scenario.verb);
      const args = argsOf(world, scenario);
      const signal = AbortSignal.timeout(20);
      const slow = world.fixture.hooks?.slow;
      await slow?.(remote.fixture.id, world.bounds.cancelMsMax * 10);
      try {
        await remote.ask(scenario.verb, scenario.targets(world), { key, args, signal });
      } finally {
        await slow?.(remote.fixture.id, 0);
      }
      mustBeDone(scenario.verb, await callOnce(world, scenario, key));
      await mustShow(world, scenario, true);
    },
  );

export const scenarios: readonly Scenario[] = [
  ...storageScenarios,
  ...computeScenarios,
  ...stretchedScenarios,
];

export const verbClaims: readonly ClaimDefinition[] = [
  works,
  repeated,
  settled,
  fenced,
  accepted,
  settlesRunning,
  partial,
  cancelled,
  cancelledWhenSlow,
].flatMap((make) => scenarios.map(make));
