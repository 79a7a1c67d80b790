/** The lab's storage behind a plugin that does, at one verb or in `open`, what no plugin should. */
import lab from '@siteswap/plugin-lab';
import { definePlugin, text, z } from '@siteswap/sdk/plugin';

const forever = (): never => {
  for (;;);
};

const deeds = {
  throw: () => {
    throw new TypeError('the vendor library has a bug');
  },
  nonsense: () => 'what is a target?' as never,
  silent: () => new Promise<never>(() => {}),
  exit: () => process.exit(3),
  loop: forever,
} as const;

const does = (deed: keyof typeof deeds): Promise<never> | never => deeds[deed]();

export default definePlugin({
  name: 'hostile',
  version: '1.0.0',
  contract: 1,
  config: z.object({
    socket: text(),
    deed: z.enum(['throw', 'nonsense', 'silent', 'exit', 'loop']),
    at: z.enum(['open', 'discoverDevices', 'sync']),
  }),
  open: async (context) => {
    const { socket, deed, at } = context.config;
    if (at === 'open') await does(deed);
    const config = { world: { socket } };
    return { deed, at, lab: await lab.open({ ...context, config, remoteId: 'lab-a' }) };
  },
  verbs: {
    discoverArrays: () => ({ items: [] }),
    discoverDevices: async (call) => {
      const { deed, at, lab: session } = call.session;
      if (at === 'discoverDevices') return does(deed);
      const found = await lab.verbs.discoverDevices?.({ ...call, session });
      return found ?? { items: [] };
    },
    // Neither settled nor repeatable: what became of it is for a person to find out.
    sync: ({ session, targets }) =>
      session.at === 'sync' ? does(session.deed) : targets.map(({ id }) => ({ id, ok: true })),
  },
});
