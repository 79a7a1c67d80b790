/**
 * The connections of one thread's plugins: what is on at each remote's wire, and what is open.
 * The connector that plugins are handed reads it at every piece. A remote of a lost site is not
 * dialled, and what was open there is cut.
 */
import type { Duplex } from 'node:stream';
import { type Connect, connectorOf } from '../../sdk/plugin/connect.ts';
import { FaultError } from '../../sdk/plugin/fault.ts';
import type { WireRule } from '../../sdk/plugin/wire/toxic.ts';
import { fractionOf } from '../core/prints.ts';
import { lostFault } from './faults.ts';

/** A rule with the remotes that it is for. */
export interface PlacedRule extends WireRule {
  readonly remoteIds: readonly string[];
}

const none: readonly WireRule[] = [];

export class Wire {
  readonly #isLost: (siteId: string) => boolean;
  readonly #hit: (rule: string) => void;
  readonly #rules = new Map<string, readonly WireRule[]>();
  readonly #watchers = new Set<() => void>();
  /** Site id → what is open there. */
  readonly #open = new Map<string, Set<Duplex>>();

  constructor(isLost: (siteId: string) => boolean, hit: (rule: string) => void) {
    this.#isLost = isLost;
    this.#hit = hit;
  }

  /** From the moment that this returns nothing else is on, at connections that are open too. */
  set(rules: readonly PlacedRule[]): void {
    this.#rules.clear();
    for (const rule of rules) {
      for (const remoteId of rule.remoteIds) {
        this.#rules.set(remoteId, [...(this.#rules.get(remoteId) ?? none), rule]);
      }
    }
    for (const changed of [...this.#watchers]) changed();
  }

  /** The site was declared lost. */
  siteLost(siteId: string): void {
    for (const stream of this.#open.get(siteId) ?? []) stream.destroy();
  }

  /** What the plugin of a remote is handed. */
  connectorFor(remoteId: string, siteId: string): Connect {
    const connect = connectorOf(remoteId, {
      rules: () => this.#rules.get(remoteId) ?? none,
      watch: (changed) => {
        this.#watchers.add(changed);
        return () => this.#watchers.delete(changed);
      },
      fraction: fractionOf,
      hit: this.#hit,
    });
    return async (address, signal) => {
      this.#expectNotLost(siteId);
      const stream = await connect(address, signal);
      const open = this.#open.get(siteId) ?? new Set();
      this.#open.set(siteId, open.add(stream));
      stream.once('close', () => open.delete(stream));
      if (this.#isLost(siteId)) stream.destroy();
      this.#expectNotLost(siteId);
      return stream;
    };
  }

  #expectNotLost(siteId: string): void {
    if (this.#isLost(siteId)) throw new FaultError(lostFault(siteId, 'connect'));
  }
}
