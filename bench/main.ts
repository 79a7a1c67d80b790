/**
 * `npm run bench`: the measures that Siteswap is held to, on this machine, now. `--smoke` shows in
 * seconds that every bench works and judges nothing; names of measures choose among them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { answers } from './answers.ts';
import { cluster } from './cluster.ts';
import { discovery } from './discovery.ts';
import { type Figure, holds, ratioOf, tableOf } from './figures.ts';
import { gateway } from './gateway.ts';
import { growth } from './growth.ts';
import { makespan } from './makespan.ts';
import { migrations } from './migrations.ts';
import { monitoring } from './monitoring.ts';
import { qemu } from './qemu.ts';
import { rates } from './rates.ts';
import { restarts } from './restarts.ts';
import { fullScale, type Scale, smokeScale } from './scale.ts';
import { single } from './single.ts';
import { tails } from './tails.ts';

const measures: Readonly<Record<string, (scale: Scale) => Promise<readonly Figure[]>>> = {
  restarts,
  rates,
  makespan,
  migrations,
  answers,
  gateway,
  discovery,
  single,
  tails,
  growth,
  monitoring,
  cluster,
  qemu,
};

const { values, positionals } = parseArgs({
  options: { smoke: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in measures));
if (unknown.length > 0) {
  const known = Object.keys(measures).join(', ');
  process.stderr.write(`bench: no measure is called ${unknown.join(', ')}; there are ${known}\n`);
  process.exit(2);
}
const chosen = positionals.length > 0 ? positionals : Object.keys(measures);
const results = new URL('../../bench/results/', import.meta.url);

for (const name of chosen) {
  const measured = (await measures[name]?.(values.smoke ? smokeScale : fullScale)) ?? [];
  const figures = values.smoke ? measured.map(({ wanted: _, ...found }) => found) : measured;
  process.stdout.write(`\n## ${name}\n\n${tableOf(figures)}\n`);
  const broken = figures.filter(({ value }) => !Number.isFinite(value));
  if (broken.length > 0) {
    process.stderr.write(`bench: nothing was measured of ${broken.map((one) => one.name)}\n`);
    process.exitCode = 1;
  }
  if (values.smoke) continue;
  mkdirSync(results, { recursive: true });
  const found = figures.map((one) => ({ ...one, ratio: ratioOf(one), holds: holds(one) }));
  const machine = { cores: cpus().length, processor: cpus()[0]?.model, node: process.version };
  const text = JSON.stringify({ at: new Date(), machine, figures: found }, undefined, 2);
  writeFileSync(new URL(`${name}.json`, results), `${text}\n`);
}
