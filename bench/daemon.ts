/**
 * A daemon for benches: the real one, with the lab in its thread and five steps that only look, so
 * that what is measured is the engine. Arguments, as JSON: see `BenchDaemon`.
 */
import { join } from 'node:path';
import { parseConfig } from '../daemon/config.ts';
import { createDaemon } from '../daemon/daemon.ts';
import { openSqliteJournal } from '../daemon/journal/sqlite.ts';
import { modeSteps } from '../daemon/steps/registry.ts';
import { openJournal } from '../daemon/stores.ts';

export interface BenchDaemon {
  readonly state: string;
  readonly groups: number;
  readonly vmsPerGroup: number;
  /** Further devices of no group. */
  readonly singles?: number;
  readonly steps: number;
  /** Share of the VMs that fail, each with a fault of its own, at each step. */
  readonly faultRate: number;
  readonly latencyMs: number;
  readonly syncDelayMs: number;
  /**
   * True: both sites serve all groups, every verb takes `latencyMs`, and every mode takes its real
   * steps: then a failover is what is measured.
   */
  readonly stretched?: boolean;
  /** True: every verb takes `latencyMs`, and every mode takes its real steps. */
  readonly everyStep?: boolean;
  /** The URL of a database in which the journal is, in place of a file. */
  readonly postgres?: string;
  /** True: looks take as long as at real systems, a few very long (`plugins/slow-lab.ts`). */
  readonly tailed?: boolean;
}

const bench = JSON.parse(process.argv[2] ?? '{}') as BenchDaemon;

const configOf = (bench: BenchDaemon): string => {
  const { state, groups, vmsPerGroup, singles = 0, faultRate, latencyMs, stretched } = bench;
  const remoteId = 'lab-compute-b';
  const slow = stretched || bench.everyStep ? {} : { remoteId, verb: 'vmStatus' };
  const spec = {
    ...(stretched ? { groups: 0, stretched: groups } : { groups }),
    vmsPerGroup,
    singles,
    heartbeatMs: 0.001,
    latencies: latencyMs > 0 ? [{ ...slow, ms: latencyMs }] : [],
    faults: faultRate > 0 ? [{ remoteId, verb: 'vmStatus', rate: faultRate, kind: 'refused' }] : [],
  };
  const config = { world: { inline: 'bench', spec } };
  const plugin = 'lab';
  const module = bench.tailed
    ? new URL('./plugins/slow-lab.js', import.meta.url).href
    : '@siteswap/plugin-lab';
  return JSON.stringify({
    site: 'site-b',
    state,
    sites: [{ id: 'site-a' }, { id: 'site-b' }],
    plugins: [{ id: plugin, module }],
    arrays: [
      { id: 'lab-a', site: 'site-a', plugin, config },
      { id: 'lab-b', site: 'site-b', plugin, config },
    ],
    computes: [
      { id: 'lab-compute-a', site: 'site-a', plugin, config },
      { id: 'lab-compute-b', site: 'site-b', plugin, config },
    ],
    log: { level: 'error' },
    ...(bench.postgres && { journal: { postgres: bench.postgres }, member: 'm1' }),
  });
};

// Threads get the environment of the moment in which they start.
process.env.SITESWAP_BENCH_STATE = bench.state;
const config = parseConfig(configOf(bench), join(bench.state, 'bench.yaml'));
const looking = Array.from({ length: bench.steps }, () => 'verify');
const { syncDelayMs } = bench;
const file = { path: join(config.state, 'journal.db'), syncDelayMs };
const daemon = await createDaemon(config, {
  // After a real failover the VMs run at the recovery side, where `verify` looks.
  modeSteps: bench.stretched || bench.everyStep ? modeSteps : { ...modeSteps, reprotect: looking },
  journal: bench.postgres ? await openJournal(config) : await openSqliteJournal(file),
});
process.stdout.write(`ready ${daemon.addresses[0]} ${process.uptime()}\n`);
process.once('SIGTERM', () => void daemon.stop());
