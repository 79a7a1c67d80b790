/**
 * A plugin as the daemon shows it: its verbs behind the daemon's own translations, without a
 * daemon. So the suite that every plugin must pass can be run on what a presentation makes of one.
 */
import { presentationsOf } from '../../daemon/core/presentation.ts';
import type { Door } from '../../daemon/gateway/gateway.ts';
import type { AnyAnswer } from '../../daemon/host/answers.ts';
import { endOf, presentPaired } from '../../daemon/present/ends.ts';
import { createPresent, type Shown } from '../../daemon/present/present.ts';
import { presentShared } from '../../daemon/present/shared.ts';
import {
  type Device,
  FaultError,
  type ListingCall,
  listingVerbs,
  type Page,
  type PluginDefinition,
  type TargetVerb,
  type VerbCall,
} from '../../sdk/plugin/index.ts';

type Remotes = Parameters<typeof presentationsOf>[0];
type Call = VerbCall<unknown, TargetVerb>;
type Poll = NonNullable<PluginDefinition['operationStatus']>;

/** A session of the plugin's, and whose it is. */
interface Opened {
  readonly remoteId: string;
  readonly session: unknown;
}

/** A verb as a plugin may define it. */
interface Parts {
  readonly run: (call: unknown) => unknown;
  readonly settle?: (call: unknown) => unknown;
}

/** What stands in for the gateway's door: it leads to the plugin's verb. */
const doorOf = (call: Call, { run, settle }: Parts): Door => {
  const through =
    (how: Parts['run'] | undefined) => (_: TargetVerb, targets: unknown, args: unknown) =>
      how?.({ ...call, targets, args: args ?? {} });
  return { call: through(run), settle: through(settle) } as unknown as Door;
};

class Presenter {
  readonly #plugin: PluginDefinition;
  readonly #presentations: ReturnType<typeof presentationsOf>;
  readonly #present: ReturnType<typeof createPresent>;

  constructor(plugin: PluginDefinition, remotes: Remotes) {
    this.#plugin = plugin;
    this.#presentations = presentationsOf(remotes);
    this.#present = createPresent(this.#presentations);
  }

  /** What the daemon would have looked up for a command. */
  async #shownFor({ session, signal }: Call, remoteId: string): Promise<Shown> {
    const presentation = this.#presentations.get(remoteId);
    if (presentation === undefined) return {};
    const list = this.#plugin.verbs.discoverDevices as (call: unknown) => Promise<Page<Device>>;
    const asked = { key: '', attempt: 1, epoch: 0, signal, deadlineMs: Date.now() + 60_000 };
    const { items } = await list({ ...asked, session, page: { sizeMax: 1_000 } });
    return {
      ends: items.map((device) => endOf(presentation, remoteId, device)),
      sources: Object.fromEntries(items.map(({ id }) => [id, presentation.first.siteId])),
    };
  }

  verb(verb: TargetVerb, parts: Parts): Parts {
    const through = (how: 'call' | 'settle') => async (given: Call) => {
      const { remoteId, session } = given.session as Opened;
      const call = { ...given, session } as Call;
      const shown = await this.#shownFor(call, remoteId);
      const door = this.#present(doorOf(call, parts), remoteId, shown);
      return door[how](verb, given.targets as never, given.args) as Promise<readonly AnyAnswer[]>;
    };
    const settle = parts.settle === undefined ? {} : { settle: through('settle') };
    return { ...parts, run: through('call'), ...settle } as Parts;
  }

  listing(verb: string, run: Parts['run']) {
    return async (given: ListingCall<unknown>) => {
      const { remoteId, session } = given.session as Opened;
      const page = (await run({ ...given, session })) as Page<Device>;
      const presentation = this.#presentations.get(remoteId);
      if (verb !== 'discoverDevices' || presentation === undefined) return page;
      const items = page.items.map((device) =>
        presentation.as === 'pair-as-stretched'
          ? presentPaired(presentation, remoteId, device)
          : presentShared(presentation, remoteId, device, presentation.first.siteId),
      );
      return { ...page, items };
    };
  }

  /** What cannot be asked has failed here: unlike a daemon, nobody asks again. */
  operationStatus(poll: Poll): Poll {
    return async (call) => {
      const { remoteId, session } = call.session as Opened;
      const asked = (_: unknown, targets: unknown) => poll({ ...call, session, targets } as never);
      const shown = await this.#shownFor({ ...call, session } as unknown as Call, remoteId);
      const door = this.#present({ poll: asked } as unknown as Door, remoteId, shown);
      return door.poll(call.verb, call.targets).catch((error: unknown) => {
        if (!(error instanceof FaultError)) throw error;
        const { fault } = error;
        return call.targets.map(({ id }) => ({ id, state: 'failed' as const, fault }));
      });
    };
  }
}

/** `remotes`: the arrays, as the configuration of a daemon names them. */
export const presented = (plugin: PluginDefinition, remotes: Remotes): PluginDefinition => {
  const presenter = new Presenter(plugin, remotes);
  const verbs = Object.entries(plugin.verbs).map(([verb, entry]) => {
    const parts = (typeof entry === 'function' ? { run: entry } : entry) as Parts;
    const isListing = (listingVerbs as readonly string[]).includes(verb);
    if (isListing) return [verb, presenter.listing(verb, parts.run)];
    const made = presenter.verb(verb as TargetVerb, parts);
    return [verb, typeof entry === 'function' ? made.run : made];
  });
  const { operationStatus: poll } = plugin;
  return {
    ...plugin,
    verbs: Object.fromEntries(verbs),
    open: async (context) => {
      const session = await plugin.open(context);
      return { remoteId: context.remoteId, session } satisfies Opened;
    },
    ...(poll === undefined ? {} : { operationStatus: presenter.operationStatus(poll) }),
  };
};
