/** How large a bench is: as the measures ask, or so small that it only shows that it works. */
export interface Scale {
  readonly groups: number;
  /** Work in each measured rate, at least. */
  readonly workMs: number;
  /** Length of the runs during which a caller asks. */
  readonly loadMs: number;
  readonly watchers: number;
  readonly starts: number;
  /** Questions to a daemon that has nothing else to do: enough for a p99. */
  readonly idleAsked: number;
  /** At one array. */
  readonly devices: number;
  /** Of the largest run. */
  readonly groupsMax: number;
  /** Tasks of the runs whose cost is compared, fewest first. */
  readonly tasks: readonly number[];
  /** Runs of one VM. */
  readonly singles: number;
  readonly watchersFew: number;
  /** Times that calls through the door and around it take turns. */
  readonly doorLots: number;
  /** Groups of each plan that has some in common with others. */
  readonly groupsOfPlan: number;
  /** How many such plans run at once. */
  readonly plansAtOnce: readonly number[];
  /** Daemons that share a database. */
  readonly members: number;
  /** Guests of QEMU that go over four at a time. */
  readonly guests: number;
  /** Times that a few go over one after the other. */
  readonly turns: number;
}

export const fullScale: Scale = {
  groups: 100,
  workMs: 5_000,
  loadMs: 30_000,
  watchers: 1_000,
  starts: 9,
  idleAsked: 300,
  devices: 100_000,
  groupsMax: 1_000,
  tasks: [1_000, 10_000, 100_000, 1_000_000],
  singles: 200,
  watchersFew: 200,
  doorLots: 100,
  groupsOfPlan: 10,
  plansAtOnce: [1, 2, 4, 8],
  members: 8,
  guests: 50,
  turns: 9,
};

export const smokeScale: Scale = {
  groups: 2,
  workMs: 1,
  loadMs: 300,
  watchers: 5,
  starts: 1,
  idleAsked: 10,
  devices: 1_000,
  groupsMax: 2,
  tasks: [500, 5_000],
  singles: 3,
  watchersFew: 5,
  doorLots: 2,
  groupsOfPlan: 4,
  plansAtOnce: [2],
  members: 2,
  guests: 4,
  turns: 1,
};
