/** What a plugin author imports. */
export { type Checked, checkDefinition, describe, type PluginDescription } from './check.ts';
export { isSecret, path, Secret, secret, text, z } from './config.ts';
export { type Address, type Connect, connect } from './connect.ts';
export {
  type ChangingVerb,
  contractVersion,
  definePlugin,
  type ListingCall,
  type OpenContext,
  type PluginDefinition,
  type PluginProperties,
  type PluginVerbs,
  type PollCall,
  type VerbCall,
  type VerbHandler,
} from './define.ts';
export {
  type Fault,
  FaultError,
  type FaultKind,
  type FaultOwner,
  fault,
  faultKinds,
  faultOwners,
  inDoubt,
} from './fault.ts';
export * from './migration.ts';
export * from './migration-record.ts';
export * from './model.ts';
export * from './verbs.ts';
