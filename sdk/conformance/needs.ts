/**
 * What a claim needs: capabilities of the plugin (verbs, how doubt is resolved, properties) and
 * parts of the fixture. A claim whose needs are not met is skipped, and says which.
 */
import type { PluginDefinition, PluginProperties, TargetVerb, Verb } from '../plugin/index.ts';
import type { Fixture, FixtureHooks } from './fixture.ts';
import { isRepeatable, offers, settlerOf } from './plugin.ts';

export type Need =
  | { readonly verb: Verb }
  | { readonly repeatable: TargetVerb }
  | { readonly settle: TargetVerb }
  | { readonly resolvable: TargetVerb }
  | { readonly property: keyof PluginProperties }
  | { readonly accepts: TargetVerb }
  | { readonly hook: keyof FixtureHooks }
  | { readonly fixture: 'arrays' | 'computes' | 'groups' | 'large group' | 'datastores' | 'vms' };

export const verbs = (...names: readonly Verb[]): readonly Need[] =>
  names.map((verb) => ({ verb }));

/** What every claim about storage needs. */
export const storage: readonly Need[] = [
  { fixture: 'arrays' },
  { fixture: 'groups' },
  { verb: 'deviceStatus' },
];

/** What every claim about VMs needs. */
export const compute: readonly Need[] = [
  { fixture: 'computes' },
  { fixture: 'datastores' },
  { fixture: 'vms' },
  ...verbs('vmStatus', 'listDatastores', 'mount', 'unmount', 'register', 'unregister', 'powerOff'),
];

const isOn = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : value === true;

const lacksPart = (need: Extract<Need, { fixture: unknown }>, fixture: Fixture): boolean => {
  if (need.fixture === 'large group') {
    return !(fixture.groups ?? []).some(({ target }) => target.devices.length > 1);
  }
  const part = fixture[need.fixture];
  return part === undefined || (Array.isArray(part) && part.length === 0);
};

/** The need in words, when it is not met. */
const lackOf = (need: Need, definition: PluginDefinition, fixture: Fixture): string | undefined => {
  if ('verb' in need) return offers(definition, need.verb) ? undefined : `verb ${need.verb}`;
  if ('repeatable' in need) {
    return isRepeatable(definition, need.repeatable) ? undefined : `repeatable ${need.repeatable}`;
  }
  if ('settle' in need) {
    return settlerOf(definition, need.settle) ? undefined : `settle of ${need.settle}`;
  }
  if ('resolvable' in need) {
    const verb = need.resolvable;
    const can = isRepeatable(definition, verb) || settlerOf(definition, verb) !== undefined;
    return can ? undefined : `repeatable or settle of ${verb}`;
  }
  if ('property' in need) {
    return isOn(definition.properties?.[need.property]) ? undefined : `property ${need.property}`;
  }
  if ('accepts' in need) {
    return fixture.accepts?.includes(need.accepts) ? undefined : `accepted ${need.accepts}`;
  }
  if ('hook' in need) return fixture.hooks?.[need.hook] ? undefined : `fixture hook ${need.hook}`;
  return lacksPart(need, fixture) ? `fixture ${need.fixture}` : undefined;
};

/** What is missing for `needs`, in words; empty: nothing. */
export const missing = (
  needs: readonly Need[],
  definition: PluginDefinition,
  fixture: Fixture,
): readonly string[] => {
  const lacks = needs.map((need) => lackOf(need, definition, fixture));
  return [...new Set(lacks.filter((lack) => lack !== undefined))];
};
