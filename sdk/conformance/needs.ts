/**
 * What a claim needs: capabilities of the plugin (verbs, how doubt is resolved, properties) and
 * parts of the fixture. A claim whose needs are not met is skipped, and says which.
 */
import type { PluginDefinition, PluginProperties, TargetVerb, Verb } from '../plugin/index.ts';
import type { Fixture, FixtureHooks } from './fixture.ts';
import { isRepeatable, offers, secretFieldsOf, settlerOf } from './plugin.ts';

export type Need =
  | { readonly verb: Verb }
  | { readonly repeatable: TargetVerb }
  | { readonly settle: TargetVerb }
  | { readonly property: keyof PluginProperties }
  | { readonly accepts: TargetVerb }
  | { readonly operationStatus: true }
  | { readonly secret: true }
  | { readonly hook: keyof FixtureHooks }
  | {
      readonly fixture:
        | 'arrays'
        | 'computes'
        | 'groups'
        | 'two groups'
        | 'large group'
        | 'datastores'
        | 'vms'
        | 'move'
        | 'stretched'
        | 'shared';
    };

export const verbs = (...names: readonly Verb[]): readonly Need[] =>
  names.map((verb) => ({ verb }));

/** What every claim about storage needs. */
export const storage: readonly Need[] = [
  { fixture: 'arrays' },
  { fixture: 'groups' },
  { verb: 'deviceStatus' },
];

/** What every claim about stretched devices needs. */
export const stretched: readonly Need[] = [
  { property: 'stretched' },
  { fixture: 'arrays' },
  { fixture: 'stretched' },
  ...verbs('deviceStatus', 'setSitePreference'),
];

/** What every claim about devices that both arrays give access to needs. */
export const shared: readonly Need[] = [
  { property: 'stretched' },
  { fixture: 'arrays' },
  { fixture: 'shared' },
  ...verbs('deviceStatus'),
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
  if (need.fixture === 'two groups') return (fixture.groups ?? []).length < 2;
  const part = fixture[need.fixture];
  return part === undefined || (Array.isArray(part) && part.length === 0);
};

/** The verb that a need is about; whether it is offered at all is a need of its own. */
const verbOf = (need: Need): Verb | undefined => {
  if ('verb' in need) return need.verb;
  if ('repeatable' in need) return need.repeatable;
  if ('settle' in need) return need.settle;
  return 'accepts' in need ? need.accepts : undefined;
};

/** The need in words, when it is not met. */
const lackOf = (need: Need, definition: PluginDefinition, fixture: Fixture): string | undefined => {
  const verb = verbOf(need);
  if (verb !== undefined && !('verb' in need) && !offers(definition, verb)) return undefined;
  if ('verb' in need) return offers(definition, need.verb) ? undefined : `verb ${need.verb}`;
  if ('repeatable' in need) {
    return isRepeatable(definition, need.repeatable) ? undefined : `repeatable ${need.repeatable}`;
  }
  if ('settle' in need) {
    return settlerOf(definition, need.settle) ? undefined : `settle of ${need.settle}`;
  }
  if ('property' in need) {
    return isOn(definition.properties?.[need.property]) ? undefined : `property ${need.property}`;
  }
  if ('accepts' in need) {
    return fixture.accepts?.includes(need.accepts) ? undefined : `accepted ${need.accepts}`;
  }
  if ('operationStatus' in need) return definition.operationStatus ? undefined : 'operationStatus';
  if ('secret' in need) {
    const config = (fixture.arrays ?? fixture.computes)?.source.config ?? {};
    return secretFieldsOf(definition, config).length > 0 ? undefined : 'a secret in the config';
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
