/** Worlds of this thread, by name: for simulations, benches and tests that need no daemon. */
import { FaultError, fault } from '@siteswap/sdk/plugin';
import { type Lab, newLab } from './lab.ts';
import { type LabOptions, labSpec } from './spec.ts';
import { realTime, type Time } from './time.ts';

const labs = new Map<string, Lab>();

/**
 * The world of this name. `begin` makes it, in place of one that was there; without it the world
 * must be there.
 */
export const inlineLab = (
  name: string,
  begin?: { readonly options?: LabOptions; readonly time?: Time },
): Lab => {
  if (begin !== undefined) labs.set(name, newLab(labSpec(begin.options), begin.time ?? realTime));
  const lab = labs.get(name);
  if (lab !== undefined) return lab;
  const hint = 'Give the configuration a spec, or make the world first.';
  throw new FaultError(
    fault('missing', `this thread has no world ${name}`, { owner: 'plugin', hint }),
  );
};

/** As `inlineLab`, but a world that is there is kept. */
export const inlineLabOnce = (name: string, options: LabOptions | undefined, time: Time): Lab =>
  options === undefined || labs.has(name) ? inlineLab(name) : inlineLab(name, { options, time });

/** Forgets the world. */
export const dropInlineLab = (name: string): void => {
  labs.delete(name);
};
