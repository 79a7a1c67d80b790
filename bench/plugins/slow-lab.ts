/**
 * The lab with looks at VMs that take as long as those of real systems do. The nth call takes the
 * nth draw, whoever makes it, so that what all calls of a run took is known: it is written down
 * whenever none is under way.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drawer } from '../../plugins/lab/chance.ts';
import lab from '../../plugins/lab/index.ts';
import { tailedMs } from '../latencies.ts';
import { sleptFile } from '../slept.ts';

const draw = drawer(1, 'latency');
const state = process.env.SITESWAP_BENCH_STATE ?? '.';
let calls = 0;
let underWay = 0;
let totalMs = 0;

/** It is one of the lab's plain verbs; what it answers is passed on. */
const look = lab.verbs.vmStatus as (call: object) => never;

const slowly = async (call: object): Promise<never> => {
  const ms = tailedMs(draw('', calls++));
  underWay++;
  await sleep(ms);
  totalMs += ms;
  if (--underWay === 0) writeFileSync(join(state, sleptFile), String(totalMs));
  return look(call);
};

export default { ...lab, verbs: { ...lab.verbs, vmStatus: slowly } };
