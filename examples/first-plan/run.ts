/** A plan's whole life at the command line: discover, write, preview, move, report. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startDaemon } from '@siteswap/sdk/testing';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const daemon = await startDaemon({ world: { groups: 2, vmsPerGroup: 2 } });

/** What a person would type, and what they would see. */
const siteswap = (...args: string[]): void => {
  const typed = args.map((arg) => (arg.includes(' ') ? `"${arg}"` : arg));
  console.log(`\n$ siteswap ${typed.join(' ')}`);
  const out = execFileSync(`${root}bin/siteswap`, args, {
    cwd: `${root}examples/first-plan`,
    env: { ...process.env, SITESWAP_ADDRESS: daemon.address, SITESWAP_REQUESTER: 'ann' },
    encoding: 'utf8',
  });
  process.stdout.write(out);
};

try {
  siteswap('sites');
  siteswap('devices', '--array', 'lab-a');
  siteswap('plan', 'validate', 'plan.yaml');
  siteswap('plan', 'apply', 'plan.yaml');
  siteswap('plan', 'preview', 'shop', '--mode', 'planned');
  siteswap('run', 'shop', '--mode', 'planned', '--key', 'first move');
  siteswap('runs');
  siteswap('vms', '--compute', 'lab-compute-b');
} finally {
  await daemon.stop();
}
