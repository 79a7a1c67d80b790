/**
 * One simulation: a seed in, what happened and what must not have happened out. Everything is in
 * this thread and lives by one virtual time, so the same seed and commit give the same history.
 */
import type { PresentedAs } from '../../daemon/core/presentation.ts';
import { Chance } from './chance.ts';
import { checkers } from './checkers/index.ts';
import { Computer } from './computer.ts';
import { Disk } from './disk.ts';
import { FarEnd } from './far-end.ts';
import { History } from './history.ts';
import { Person } from './person.ts';
import { drawScenario, type Scenario } from './scenario.ts';
import { SimTime } from './time.ts';
import { Troubles } from './troubles.ts';

export interface Accusation {
  readonly checker: string;
  readonly message: string;
  /** Position in the history. */
  readonly moment: number;
}

export interface Simulated {
  readonly scenario: Scenario;
  readonly history: History;
  readonly accusations: readonly Accusation[];
}

/** Virtual time in which a person must be through with everything. */
const workMsMax = 7 * 24 * 3_600_000;

/** Whatever was still under way has landed by then. */
const landMs = 24 * 3_600_000;

/** A defect that shows at every moment is told so often. */
const accusationsMax = 10;

/** `present`: the same seed, with lab-a's pairs shown as something else than they are. */
export const simulate = async (seed: number, present?: PresentedAs): Promise<Simulated> => {
  const scenario = drawScenario(seed, present);
  const chance = new Chance(`simulation ${seed}`);
  const time = new SimTime();
  const history = new History(time);
  const { faults, world, syncMsMax, threads } = scenario;
  const farEnd = new FarEnd({ time, chance: chance.fork('network'), history, world });
  const disk = new Disk({ time, chance: chance.fork('disk'), history, syncMsMax });
  const shown = { present: scenario.present };
  const parts = { time, history, disk, farEnd, scenario, threads, ...shown, ...faults };
  const computer = new Computer({ ...parts, chance: chance.fork('computer') });
  const mend = (): void => troubles.mend();
  const bringBack = (): void => troubles.bringBack();
  const hands = { mend, bringBack };
  const person = new Person({ ...parts, chance: chance.fork('person'), computer, ...hands });
  const troubles = new Troubles({ ...parts, computer, person: () => person });
  const accusations = watchOver(scenario, farEnd, history);

  const accuse = (checker: string, message: string): void => {
    accusations.push({ checker, message, moment: history.moments.length });
  };
  const until = async (work: Promise<void>): Promise<void> => {
    let done = false;
    const settled = (error?: Error): void => {
      done = true;
      time.stir();
      if (error !== undefined) accuse('simulation', `${error.stack}`);
    };
    void work.then(() => settled(), settled);
    const ended = await time.run(() => done, time.now() + workMsMax);
    if (ended === 'done') return;
    const why = ended === 'idle' ? 'nobody waits for anything' : 'it takes for ever';
    accuse('all-comes-to-an-end', why);
  };
  await until(computer.start());
  await until(person.savePlan());
  troubles.begin();
  await until(person.work());
  mend();
  await until(time.sleep(landMs));
  if (accusations.length === 0) await until(person.runAgain());
  if (accusations.length === 0) await until(person.lookAtArrays());
  history.note({ kind: 'end' });
  return { scenario, history, accusations };
};

const watchOver = (scenario: Scenario, { lab }: FarEnd, history: History): Accusation[] => {
  const accusations: Accusation[] = [];
  for (const [checker, make] of Object.entries(checkers)) {
    const watch = make({ scenario, lab });
    history.listen((moment) => {
      const message = accusations.length < accusationsMax ? watch(moment) : undefined;
      if (message === undefined) return;
      accusations.push({ checker, message, moment: history.moments.length });
    });
  }
  return accusations;
};
