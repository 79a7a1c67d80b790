/**
 * The conformance suite must be able to fail: a sound toy plugin keeps every claim, and each way of
 * breaking it fails the claim that is about it.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  ClaimFailure,
  conformanceClaims,
  type Result,
  runConformance,
} from '@siteswap/sdk/conformance';
import test from 'ava';
import { type Defect, defects } from '../_support/toy/calls.ts';
import { toyFixture } from '../_support/toy/fixture.ts';

/** Defect → how the title of the claim begins that must fail by it. */
const claimOf: Readonly<Record<Defect, string>> = {
  'second-effect': 'the same key twice after a dropped reply: failover (forced)',
  'one-fails-all': 'one bad target never fails its neighbours: sync',
  'drops-an-answer': 'works: failover (planned)',
  'says-ok-does-nothing': 'works: prepareFailover',
  'ignores-abort': 'cancels in time: failover (forced) at a slow remote',
  'wrong-kind': 'names its faults: prepareFailover of an unknown target',
  'promotes-anyway': 'wrong state: unforced promote while the source is not demoted',
  'demotes-anyway': 'wrong state: demote at the target',
  'half-a-group': 'atomic groups: prepareFailover',
  'takes-old-epochs': 'fences: a call under an older epoch',
  'forgets-who-asked': 'fences: failover (planned), asked about or done under a newer epoch',
  'takes-old-writers': 'fences: a writer of the lineage before a forced promote',
  'keeps-no-points': 'recovery points: sync',
  'operations-in-session': 'accepted: reverse',
  'endless-pages': 'listings end: discoverDevices',
  'loses-on-pages': 'listings end: discoverDevices',
  'vouches-for-ever': 'revisions: discoverDevices after a failover',
  'wrong-peer': 'discovers: every device of a group',
  'leaks-secret': 'secrets never appear: a wrong secret',
  'vague-config': 'config errors are plain',
  'settles-wrongly': 'settles: failover (planned)',
  'powers-on-unregistered': 'wrong state: power on, not registered',
  'unmounts-under-vm': 'wrong state: unmount below a VM that runs',
  'unreachable-is-unknown': 'names its faults: array out of reach',
  'loses-heartbeats': 'works: planned failover of VMs',
  'test-stops-production': 'works: test failover of VMs',
  'leaves-test-copy': 'works: test failover of VMs',
  'undeclared-mode': 'update modes',
  'one-sided-identity': 'identity: a stretched device',
  'new-host-identities': 'identity: every device',
  'one-host-identity': 'identity: two devices of one array',
  'forgets-the-other-side': 'works: setSitePreference',
  'prefers-anywhere': 'stretched: a preference for a site where the group does not stand',
  'serves-while-parted': 'stretched: sites that lose each other',
  'fences-in-old-lineage': 'fencing: one side of a stretched group',
  'asks-the-fenced': 'fencing: the other array out of reach',
  'starts-fenced-vms': 'fencing: a VM of the isolated side',
  'lets-old-back': 'fencing: resync at the side that fenced',
  'stops-to-resync': 'works: resync of a pair in good order',
  'reboots-on-the-way': 'live migration: a VM that runs',
  'runs-twice': 'live migration: a VM that runs',
  'migrates-plain': 'live migration: a VM on a device that is not stretched',
  'cancels-too-late': 'live migration: cancelled before it began',
  'marks-another': 'live migration: gone over → its destination alone tells',
  'hides-a-promotion': 'repair: promoted by force beside its source',
  'shares-with-a-peer': 'identity: a shared device',
  'serves-the-preferred-alone': 'shared: the one site preferred, then the other',
};

const resultsOfSound = async (): Promise<readonly Result[]> => {
  const results: Result[] = [];
  for await (const result of runConformance(toyFixture())) results.push(result);
  return results;
};

test('a sound plugin keeps every claim that it has the capabilities for', async (t) => {
  const results = await resultsOfSound();
  t.deepEqual(
    results.filter(({ outcome }) => outcome === 'failed'),
    [],
  );
  t.true(results.filter(({ outcome }) => outcome === 'passed').length > 150);
});

test('a claim whose capability is missing is skipped, and says which it is', async (t) => {
  const results = await resultsOfSound();
  const snapshot = results.find(({ title }) => title.startsWith('works: snapshot'));
  t.like(snapshot, {
    outcome: 'skipped',
    missing: ['verb snapshot', 'verb listSnapshots', 'verb removeSnapshot'],
  });
});

for (const defect of defects) {
  test(`a plugin that ${defect.replaceAll('-', ' ')} fails "${claimOf[defect]}"`, async (t) => {
    const fixture = toyFixture(defect);
    const claims = await conformanceClaims(fixture.plugin);
    const claim = claims.find(({ title }) => title.startsWith(claimOf[defect]));
    await t.throwsAsync(async () => claim?.run(fixture), { instanceOf: ClaimFailure });
  });
}

const run = async (fixture: string, ...words: string[]) => {
  const bin = fileURLToPath(import.meta.resolve('../../sdk/conformance/main.js'));
  const module = fileURLToPath(import.meta.resolve(fixture));
  return promisify(execFile)(process.execPath, [bin, module, ...words]).then(
    ({ stdout }) => ({ code: 0, stdout, stderr: '' }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
};

test('the command prints a line per claim, the lack of each skip, and the counts', async (t) => {
  const { code, stdout } = await run('../_support/toy/sound.js');
  t.is(code, 0, stdout);
  t.regex(stdout, /^passed {3}works: failover \(forced\) → the target is writable/m);
  t.regex(stdout, /^skipped {2}works: snapshot .*\n {9}needs verb snapshot, verb listSnapshots,/m);
  t.regex(stdout, /\n\d+ passed, 0 failed, \d+ skipped\n$/);
});

test('the command, told to be quiet → skipped claims are counted, and not listed', async (t) => {
  const { code, stdout } = await run('../_support/toy/sound.js', '--quiet');
  t.is(code, 0, stdout);
  t.notRegex(stdout, /^skipped/m);
  t.regex(stdout, /^passed {3}works: failover/m);
  t.regex(stdout, /\n\d+ passed, 0 failed, [1-9]\d* skipped\n$/);
});

test('the command ends with 1 and the reason when a claim fails', async (t) => {
  const { code, stdout } = await run('../_support/toy/broken.js');
  t.is(code, 1, stdout);
  t.regex(
    stdout,
    /^FAILED {3}wrong state: demote at the target .*\n {9}.*expected the fault conflict/m,
  );
});

test('a verb that holds its thread → the command names it and ends with 1', async (t) => {
  const { code, stdout } = await run('../_support/toy/looping.js');
  t.is(code, 1, stdout);
  t.regex(stdout, /^FAILED {3}.*\n {9}deviceStatus held its thread for 1000 ms/m);
});

test('the command ends with 2 and says what it expected when the fixture is none', async (t) => {
  const { code, stderr } = await run('../_support/toy/store.js');
  t.is(code, 2);
  t.regex(stderr, /has no default export/);
  const plugin = await run('../_support/plugins/puppet.js');
  t.is(plugin.code, 2);
  t.regex(plugin.stderr, /puppet\.js is a plugin: expected a fixture, which has it as `plugin`/);
});
