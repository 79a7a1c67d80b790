/**
 * A small plugin that keeps every claim of the conformance suite, and on demand breaks one of them:
 * the suite itself must be able to fail.
 */
import { definePlugin, fault, type PluginDefinition, secret, text, z } from '@siteswap/sdk/plugin';
import { type Defect, fail, type Has, type ToySession } from './calls.ts';
import { computeVerbsOf } from './compute.ts';
import { storageVerbsOf } from './storage.ts';
import { type Side, storeOf } from './store.ts';
import { stretchedVerbsOf } from './stretched.ts';

const config = (has: Has) =>
  has('vague-config')
    ? z.object({ store: z.any(), side: z.any(), token: secret() })
    : z.object({ store: text(), side: z.enum(['source', 'target']), token: secret() });

/** The toy with some defects; none: it keeps every claim. */
export const toyPlugin = (...broken: readonly Defect[]): PluginDefinition => {
  const has: Has = (defect) => broken.includes(defect);
  const definition = definePlugin({
    name: 'toy',
    version: '1.0.0',
    contract: 1,
    config: config(has),
    properties: {
      fences: true,
      atomicGroups: true,
      keepsRecoveryPoints: true,
      updateModes: ['active', 'asynchronous'],
      stretched: true,
    },
    open: ({ config: { store, side, token } }): ToySession => {
      const found = storeOf(String(store));
      if (token.reveal() !== 'right') {
        const said = has('leaks-secret') ? `: ${token.reveal()}` : '';
        fail('refused', `the token is not accepted${said}`);
      }
      const here = found.side(side as Side);
      const there = found.side(side === 'source' ? 'target' : 'source');
      const operations = new Map<string, number>();
      return { store: found, side: side as Side, here, there, token: token.reveal(), operations };
    },
    operationStatus: ({ session, targets }) =>
      targets.map(({ id, operation }) => {
        const kept = has('operations-in-session') ? session.operations : session.here.operations;
        const left = kept.get(operation);
        if (left === undefined) {
          return { id, state: 'failed', fault: fault('missing', `no operation ${operation}`) };
        }
        kept.set(operation, left - 1);
        return left > 0
          ? { id, state: 'running', progress: 1 / (1 + left) }
          : { id, state: 'done' };
      }),
    verbs: { ...storageVerbsOf(has), ...computeVerbsOf(has), ...stretchedVerbsOf(has) },
  });
  return definition as unknown as PluginDefinition;
};
