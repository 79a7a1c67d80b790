/** Asks for one live migration, as a daemon would that may be killed at any moment. */
import plugin from '@siteswap/plugin-files';
import { connect } from '../../sdk/plugin/index.ts';
import { Remote } from './files.ts';

const [config, key] = process.argv.slice(2) as [string, string];
const session = await plugin.open({
  config: plugin.config.parse(JSON.parse(config)),
  remoteId: 'ca',
  siteId: 'a',
  signal: new AbortController().signal,
  connect,
});
const remote = new Remote(session);
const vm = { id: 'vm1', instance: 'production' } as const;
await remote.done('migrateLive', vm, { toComputeId: 'cb' }, remote.context(key));
