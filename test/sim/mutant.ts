/**
 * The process in which one defect lives: patches modules as they are loaded, simulates until a
 * checker accuses or the seeds are used up, and says who accused. `node mutant.js <position>`.
 */
import { registerHooks } from 'node:module';
import { mutants, seedsMax } from './mutants.ts';

const position = Number(process.argv[2]);
const mutant = mutants[position];
if (mutant === undefined) throw new Error(`there is no mutant ${position}`);

const left = new Set(mutant.patches);
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const patches = mutant.patches.filter(({ module }) => url.endsWith(`/dist/${module}.js`));
    if (patches.length === 0) return loaded;
    let source = String(loaded.source);
    for (const patch of patches) {
      if (source.split(patch.find).length !== 2) {
        throw new Error(`${patch.module} has "${patch.find}" not exactly once`);
      }
      source = source.replace(patch.find, () => patch.put);
      left.delete(patch);
    }
    return { ...loaded, source };
  },
});

const { simulate } = await import('./simulate.ts');
if (left.size > 0) throw new Error(`never loaded: ${[...left].map((p) => p.module).join(', ')}`);

const accusers = new Set<string>();
const { members, shownBy = 1, caughtBy } = mutant;
const variant = members === undefined ? {} : { members };
const tried = new Set<number>();
for (const seed of [shownBy, ...Array.from({ length: seedsMax }, (_, at) => at + 1)]) {
  if (tried.has(seed) || accusers.has(caughtBy)) continue;
  tried.add(seed);
  for (const { checker } of (await simulate(seed, variant)).accusations) accusers.add(checker);
}
process.stdout.write(JSON.stringify({ accusers: [...accusers], seeds: [...tried] }));
