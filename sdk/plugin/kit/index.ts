/**
 * What plugins that keep their own durable state write alike: memory of calls, an answer for each
 * target, pages of lists. Nothing of it is needed to be a plugin; it loads no package, so that
 * small processes of a plugin can have it too.
 */
export { FaultError } from '../fault.ts';
export * from './each.ts';
export * from './memory.ts';
export * from './page.ts';
