/** Makes the scenario's troubles happen, each at its moment of the history; mends them again. */
import { commands } from '../../plugins/lab/commands.ts';
import type { Computer } from './computer.ts';
import { type FarEnd, quietNetwork } from './far-end.ts';
import type { History, Moment } from './history.ts';
import type { SimMembers } from './members/members.ts';
import type { Person } from './person.ts';
import type { Effect, Scenario, Trigger } from './scenario.ts';
import type { SimTime } from './time.ts';

/** How the story says that the lost site answers again. */
export const siteIsBack = 'site-a is back';

export interface TroublesParts {
  readonly time: SimTime;
  readonly history: History;
  readonly scenario: Scenario;
  readonly daemons: SimMembers;
  readonly store: Store;
  readonly farEnd: FarEnd;
  readonly person: () => Person;
}

/** What all journals stand on: a disk, or a database. */
export interface Store {
  goAway(): void;
  comeBack(): void;
  /** Ways to it are sound from here on. */
  readonly mend?: () => void;
}

const matches = ({ kind, of }: Trigger, moment: Moment): boolean => {
  if (moment.kind !== kind) return false;
  if (of === undefined) return true;
  if (moment.kind === 'stage') return moment.stage === of;
  if (moment.kind === 'job') return moment.step === of;
  return moment.kind === 'landed'
    ? moment.entry.type === of
    : 'verb' in moment && moment.verb === of;
};

export class Troubles {
  readonly #parts: TroublesParts;
  /** Remotes of a site that is gone. */
  readonly #lost = new Set<string>();
  #over = false;

  constructor(parts: TroublesParts) {
    this.#parts = parts;
  }

  /** From here on everything goes wrong that the scenario names. */
  begin(): void {
    const { history, scenario, farEnd } = this.#parts;
    Object.assign(farEnd.network, scenario.faults.network);
    for (const order of scenario.faults.orders) {
      if ('kind' in order) commands.failNext(farEnd.lab, order);
      else commands.hangNext(farEnd.lab, order);
    }
    commands.setFaults(farEnd.lab, scenario.faults.shares);
    commands.ignoreShutDown(farEnd.lab, scenario.faults.stubborn);
    const { members } = scenario;
    for (const { on, effect } of [...scenario.faults.troubles, ...(members?.troubles ?? [])]) {
      let left = on.nth;
      history.listen((moment) => {
        if (!this.#over && matches(on, moment) && --left === 0) this.#happen(effect);
      });
    }
  }

  /** From here on nothing goes wrong any more, and what was broken is whole. */
  mend(): void {
    if (this.#over) return;
    this.#over = true;
    const { history, store, daemons, farEnd } = this.#parts;
    const { lab, network } = farEnd;
    history.note({ kind: 'world', what: 'everything is mended' });
    commands.clearFailures(lab);
    store.comeBack();
    store.mend?.();
    for (const computer of daemons.computers) mendOne(computer);
    Object.assign(network, quietNetwork);
    for (const remoteId of commands.remotes(lab)) {
      if (!this.#lost.has(remoteId)) commands.setDown(lab, remoteId, false);
    }
  }

  /** The lost site answers again, as it was left: its VMs may have gone on all the time. */
  bringBack(): void {
    const { history, farEnd } = this.#parts;
    this.#lost.clear();
    this.#parts.daemons.rebuild();
    commands.returnSite(farEnd.lab, 'site-a');
    history.note({ kind: 'world', what: siteIsBack });
  }

  #happen(effect: Effect): void {
    const { history, daemons, person } = this.#parts;
    history.note({ kind: 'world', what: JSON.stringify(effect) });
    const victim = daemons.victim();
    if (effect.do === 'crash') victim.crash();
    else if (effect.do === 'kill-thread') victim.killThread();
    else if (effect.do === 'freeze') victim.freeze(effect.forMs);
    else if (effect.do === 'cut-off') this.#cutOff(victim, effect.forMs);
    else if (effect.do === 'drain') this.#soon(() => this.#drain(victim, effect.forMs));
    else if (effect.do === 'fill-disk' || effect.do === 'database-away') this.#away(effect.forMs);
    else if (effect.do === 'silence') this.#silence(effect.remoteId, effect.forMs);
    else if (effect.do === 'lose-site') this.#loseSite(effect.vms);
    else this.#soon(() => (effect.do === 'cancel' ? person().cancel() : person().startAgain()));
  }

  /** A person acts between what daemons do, never in the middle of it. */
  #soon(act: () => Promise<void> | void): void {
    const { time } = this.#parts;
    time.at(time.now(), () => void act());
  }

  #away(forMs: number): void {
    const { store, time } = this.#parts;
    store.goAway();
    time.at(time.now() + forMs, () => store.comeBack());
  }

  #cutOff(victim: Computer, forMs: number): void {
    const { time } = this.#parts;
    victim.cutOff = true;
    time.at(time.now() + forMs, () => {
      victim.cutOff = false;
    });
  }

  /** It hands over what it has, ends, and comes back. */
  async #drain(victim: Computer, forMs: number): Promise<void> {
    const { time, person } = this.#parts;
    await person().drain(victim.name);
    await time.sleep(forMs);
    victim.crash();
  }

  #silence(remoteId: string, forMs: number): void {
    const { time, farEnd } = this.#parts;
    commands.setDown(farEnd.lab, remoteId, true);
    time.at(time.now() + forMs, () => {
      if (!this.#lost.has(remoteId)) commands.setDown(farEnd.lab, remoteId, false);
    });
  }

  #loseSite(vms: 'crash' | 'keep' | 'alive'): void {
    const { farEnd, person } = this.#parts;
    if (vms !== 'alive') {
      for (const remoteId of ['lab-a', 'lab-compute-a']) this.#lost.add(remoteId);
      commands.loseSite(farEnd.lab, 'site-a', { vms });
      const { daemons, scenario } = this.#parts;
      daemons.burn('site-a');
      const { promoteMs = 0 } = scenario.members ?? {};
      if (promoteMs > 0) this.#away(promoteMs);
    }
    this.#soon(() => person().loseSite('site-a'));
  }
}

const mendOne = (computer: Computer): void => {
  computer.cutOff = false;
  computer.thaw();
};
