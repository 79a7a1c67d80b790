/** What the conformance suite may use: two arrays, and groups that replicate from east to west. */
import type { Fixture } from '@siteswap/sdk/conformance';

const storage = (site: string) => ({
  id: site,
  siteId: site,
  config: { endpoint: `acme://${site}`, token: 'open sesame' },
});

const group = (id: string, devices: readonly string[]) => ({
  source: { id, devices },
  target: { id, devices },
});

const fixture: Fixture = {
  plugin: new URL('./plugin.js', import.meta.url).href,
  arrays: { source: storage('east'), target: storage('west') },
  groups: [group('orders', ['orders-data', 'orders-log']), group('mail', ['mail-data'])],
};

export default fixture;
