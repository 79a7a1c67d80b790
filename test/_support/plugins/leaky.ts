/** The lab's storage behind a plugin that says its token wherever a plugin can say anything. */
import lab from '@siteswap/plugin-lab';
import { definePlugin, FaultError, fault, secret, text, z } from '@siteswap/sdk/plugin';

/** As it is, as basic authentication, in the URL of a request. */
const saidWith = (token: string): string =>
  `token ${token}, Authorization: Basic ${Buffer.from(`root:${token}`).toString('base64')}, ` +
  `${Buffer.from(token).toString('base64')}, GET /login?token=${encodeURIComponent(token)}`;

export default definePlugin({
  name: 'leaky',
  version: '1.0.0',
  contract: 1,
  config: z.object({ socket: text(), token: secret(), opens: z.boolean().default(true) }),
  open: async (context) => {
    const { socket, token, opens } = context.config;
    const leak = saidWith(token.reveal());
    console.log(leak);
    process.stderr.write(`${leak}\n`);
    if (!opens) throw new Error(`login failed with ${leak}`);
    const config = { world: { socket } };
    return { leak, lab: await lab.open({ ...context, config, remoteId: 'lab-a' }) };
  },
  operationStatus: ({ session, targets }) =>
    targets.map(({ id }) => ({
      id,
      state: 'failed' as const,
      fault: fault('refused', session.leak, { code: session.leak, hint: session.leak }),
    })),
  verbs: {
    discoverArrays: ({ session: { leak } }) => ({
      items: [
        {
          id: 'leaky',
          name: leak,
          vendor: leak,
          model: leak,
          softwareVersion: leak,
          peerArrayIds: [],
        },
      ],
    }),
    discoverDevices: async (call) => {
      const { leak, lab: session } = call.session;
      const found = await lab.verbs.discoverDevices?.({ ...call, session });
      return { items: (found?.items ?? []).map((device) => ({ ...device, name: leak })) };
    },
    syncStatus: ({ session }) => {
      throw new Error(session.leak);
    },
    sync: ({ session }) => {
      console.error(new Error(session.leak));
      console.log(`many words: ${'x'.repeat(40_000)} ${session.leak}`);
      throw new Error(session.leak);
    },
    prepareFailover: ({ session: { leak } }) => {
      throw new FaultError(fault('refused', leak, { code: leak, hint: leak, members: [leak] }));
    },
    failover: ({ session, targets }) =>
      targets.map(({ id }) => ({ id, ok: true, evidence: { [session.leak]: session.leak } })),
    reverse: ({ session, targets }) =>
      targets.map(({ id }) => ({ id, accepted: { operation: session.leak } })),
    testFailoverStart: {
      run: () => {
        throw new Error('nobody knows');
      },
      settle: ({ session, targets }) =>
        targets.map(({ id }) => ({ id, verdict: 'unknowable' as const, why: session.leak })),
    },
  },
});
