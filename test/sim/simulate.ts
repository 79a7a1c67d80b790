/**
 * One simulation: a seed in, what happened and what must not have happened out. Everything is in
 * this thread and lives by one virtual time, so the same seed and commit give the same history.
 */
import { Chance } from './chance.ts';
import type { Scene } from './checkers/checker.ts';
import { checkers } from './checkers/index.ts';
import { Computer, type ComputerParts } from './computer.ts';
import { Disk, DiskJournal } from './disk.ts';
import { FarEnd } from './far-end.ts';
import { History } from './history.ts';
import { Database } from './members/database.ts';
import { MemberJournal } from './members/journal.ts';
import { Line } from './members/line.ts';
import { SimMembers } from './members/members.ts';
import type { MembersOrder } from './members/scenario.ts';
import { Person } from './person.ts';
import { drawScenario, type Scenario, type Variant } from './scenario.ts';
import { SimTime } from './time.ts';
import { type Store, Troubles } from './troubles.ts';

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

/** Members never rest: each virtual second of theirs costs something. */
const workMsMaxOfMembers = 24 * 3_600_000;

/** A defect that shows at every moment is told so often. */
const accusationsMax = 10;

type Alike = Omit<ComputerParts, 'name' | 'siteId' | 'journal' | 'chance' | 'startMayFail'>;

/** Where daemons keep their journals, and the daemons. */
interface Cluster {
  readonly store: Store;
  readonly daemons: SimMembers;
  readonly licenceOf?: Scene['licenceOf'];
}

const alone = (scenario: Scenario, chance: Chance, alike: Alike): Cluster => {
  const { syncMsMax } = scenario;
  const disk = new Disk({ ...alike, chance: chance.fork('disk'), syncMsMax });
  const computer = new Computer({
    ...alike,
    name: 'daemon',
    siteId: 'site-b',
    journal: (life) => new DiskJournal(disk, life),
    chance: chance.fork('computer'),
  });
  return { store: disk, daemons: new SimMembers([computer], chance.fork('members')) };
};

const together = (order: MembersOrder, chance: Chance, alike: Alike): Cluster => {
  const { time, history } = alike;
  const database = new Database(time, history);
  const ways = { lostRate: order.lostRate };
  const member = (at: number): Computer => {
    const own = chance.fork(`member ${at + 1}`);
    const lines = own.fork('line');
    const computer: Computer = new Computer({
      ...alike,
      name: `member ${at + 1}`,
      // The first stands where VMs are recovered: never all of them burn.
      siteId: at % 2 === 0 ? 'site-b' : 'site-a',
      startMayFail: true,
      chance: own,
      journal: (life) => {
        const { latencyMsMax } = order;
        const cut = () => computer.cutOff;
        const lostRate = () => ways.lostRate;
        const line = new Line({ time, chance: lines, database, life, latencyMsMax, lostRate, cut });
        return new MemberJournal({ time, database, line, life });
      },
    });
    return computer;
  };
  const computers = Array.from({ length: order.count }, (_, at) => member(at));
  const store: Store = {
    goAway: () => database.goAway(),
    comeBack: () => database.comeBack(),
    mend: () => {
      ways.lostRate = 0;
    },
  };
  const daemons = new SimMembers(computers, chance.fork('members'));
  return { store, daemons, licenceOf: (runId) => database.licenceOf(runId) };
};

/** The same seed may be simulated under other circumstances. */
export const simulate = async (seed: number, variant: Variant = {}): Promise<Simulated> => {
  const scenario = drawScenario(seed, variant);
  const chance = new Chance(`simulation ${seed}`);
  const time = new SimTime({ jumps: scenario.members !== undefined });
  const history = new History(time);
  const { faults, world, threads, present, members } = scenario;
  const farEnd = new FarEnd({ time, chance: chance.fork('network'), history, world });
  const alike = { time, history, farEnd, threads, present, ...faults };
  const cluster =
    members === undefined ? alone(scenario, chance, alike) : together(members, chance, alike);
  const parts = { ...alike, ...cluster, scenario };
  const mend = (): void => troubles.mend();
  const bringBack = (): void => troubles.bringBack();
  const person = new Person({ ...parts, chance: chance.fork('person'), mend, bringBack });
  const troubles = new Troubles({ ...parts, person: () => person });
  const accusations = watchOver(parts);
  const workMs = members === undefined ? workMsMax : workMsMaxOfMembers;

  const accuse = (checker: string, message: string): void => {
    accusations.push({ checker, message, moment: history.moments.length });
  };
  const until = async (work: Promise<unknown>): Promise<void> => {
    let done = false;
    const settled = (error?: Error): void => {
      done = true;
      if (error !== undefined) accuse('simulation', `${error.stack}`);
    };
    void work.then(() => settled(), settled);
    const ended = await time.run(() => done, time.now() + workMs);
    if (ended === 'done') return;
    const why = ended === 'idle' ? 'nobody waits for anything' : 'it takes for ever';
    accuse('all-comes-to-an-end', why);
  };
  await until(Promise.all(cluster.daemons.computers.map((computer) => computer.start())));
  await until(person.savePlan());
  troubles.begin();
  await until(person.work());
  mend();
  await until(members === undefined ? time.sleep(landMs) : time.calm());
  if (accusations.length === 0) await until(person.runAgain());
  if (accusations.length === 0) await until(person.lookAtArrays());
  history.note({ kind: 'end' });
  return { scenario, history, accusations };
};

interface Watched extends Pick<Cluster, 'licenceOf'> {
  readonly scenario: Scenario;
  readonly farEnd: FarEnd;
  readonly history: History;
}

const watchOver = ({ scenario, farEnd, history, licenceOf }: Watched): Accusation[] => {
  const accusations: Accusation[] = [];
  for (const [checker, make] of Object.entries(checkers)) {
    const watch = make({ scenario, lab: farEnd.lab, ...(licenceOf && { licenceOf }) });
    history.listen((moment) => {
      const message = accusations.length < accusationsMax ? watch(moment) : undefined;
      if (message === undefined) return;
      accusations.push({ checker, message, moment: history.moments.length });
    });
  }
  return accusations;
};
