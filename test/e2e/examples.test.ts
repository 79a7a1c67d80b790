/** Every example does what it says: its output is compared with the stored one. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { steady } from '../_support/output.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));

for (const name of ['first-plan', 'first-plugin', 'break-and-resume']) {
  test(`examples/${name} → prints what its output.txt says`, async (t) => {
    const { stdout } = await run(process.execPath, [`${root}dist/examples/${name}/run.js`]);
    const stored = await readFile(`${root}examples/${name}/output.txt`, 'utf8');
    t.deepEqual(steady(stdout).split('\n'), steady(stored).split('\n'));
  });
}
