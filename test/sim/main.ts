/**
 * `npm run sim -- [--seed N] [--story] [--runs N] [--hours H] [--from N] [--go-on] [--members N]
 * [--present KIND]`: replays one seed, or goes through many. Says the seeds before it begins; ends
 * with 1 at the first that fails, with `--go-on` after all of them.
 */
import { parseArgs } from 'node:util';
import type { PresentedAs } from '../../daemon/core/presentation.ts';
import type { Variant } from './scenario.ts';
import { type Accusation, type Simulated, simulate } from './simulate.ts';
import { story } from './story.ts';

/** Lines of the story that are shown of a seed that failed, up to the first accusation. */
const tailLines = 60;

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    story: { type: 'boolean', default: false },
    runs: { type: 'string' },
    hours: { type: 'string' },
    from: { type: 'string', default: '1' },
    'go-on': { type: 'boolean', default: false },
    members: { type: 'string' },
    present: { type: 'string' },
    resyncs: { type: 'boolean', default: false },
  },
});

const variant: Variant = {
  ...(values.members === undefined ? {} : { members: Number(values.members) }),
  ...(values.present === undefined ? {} : { present: values.present as PresentedAs }),
  ...(values.resyncs ? { resyncs: true } : {}),
};

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const accuse = (simulated: Simulated, whole: boolean): void => {
  const { scenario, accusations } = simulated;
  const lines = story(simulated);
  const first = lines.findIndex((line) => line.includes('!!!'));
  const tail = lines.slice(Math.max(0, first - tailLines), first + 1);
  say(`seed ${scenario.seed}${accusations.length > 0 ? ' FAILED' : ''}`);
  say(JSON.stringify(scenario, undefined, whole ? 2 : undefined));
  for (const line of whole ? lines : tail) say(line);
  for (const { checker, message } of accusations) say(`${checker}: ${message}`);
};

const one = async (seed: number): Promise<boolean> => {
  say(`seed ${seed}`);
  const simulated = await simulate(seed, variant);
  accuse(simulated, values.story);
  say(`history ${simulated.history.digest()}`);
  return simulated.accusations.length === 0;
};

const many = async (from: number): Promise<boolean> => {
  const runsMax = values.hours === undefined ? Number(values.runs ?? 100) : Number.MAX_SAFE_INTEGER;
  const untilMs = Date.now() + Number(values.hours ?? 1_000) * 3_600_000;
  const to =
    values.hours === undefined ? `${from + runsMax - 1}` : `as far as ${values.hours} h go`;
  say(`seeds ${from} to ${to}`);
  const beganMs = Date.now();
  let seed = from;
  let failed = 0;
  for (; seed < from + runsMax && Date.now() < untilMs; seed++) {
    const simulated = await simulate(seed, variant);
    if (simulated.accusations.length === 0) continue;
    failed++;
    if (!values['go-on']) accuse(simulated, false);
    if (!values['go-on']) return false;
    const { checker, message } = simulated.accusations[0] as Accusation;
    say(`seed ${seed} FAILED: ${checker}: ${message}`);
  }
  const minutes = (Date.now() - beganMs) / 60_000;
  say(
    `${seed - from} simulations, ${Math.round((seed - from) / minutes)} a minute: ${failed} failed`,
  );
  return failed === 0;
};

const passed =
  values.seed === undefined ? await many(Number(values.from)) : await one(Number(values.seed));
process.exitCode = passed ? 0 : 1;
