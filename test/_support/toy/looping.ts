/** A fixture module of a toy whose `deviceStatus` never gives its thread back. */
import type { Fixture } from '@siteswap/sdk/conformance';
import type { PluginDefinition } from '@siteswap/sdk/plugin';
import { toyFixture } from './fixture.ts';

const loop = (): never => {
  for (;;);
};

export default (): Fixture => {
  const fixture = toyFixture();
  const sound = fixture.plugin as PluginDefinition;
  const plugin = { ...sound, verbs: { ...sound.verbs, deviceStatus: loop } };
  return { ...fixture, plugin, bounds: { ...fixture.bounds, silentMsMax: 1_000 } };
};
