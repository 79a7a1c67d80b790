/** Runs the examples of the client's documentation, each against a daemon of its own. */
import test from 'ava';
import { serve } from '../_support/api.ts';
import { examples } from '../_support/generated/client-examples.ts';

const printed: unknown[][] = [];
const { log } = console;
test.before(() => {
  console.log = (...words) => printed.push(words);
});
test.after.always(() => {
  console.log = log;
});

for (const [name, run] of Object.entries(examples)) {
  test.serial(`example: ${name} runs as it stands`, async (t) => {
    const { client, address } = await serve(t);
    process.env.SITESWAP_ADDRESS = address;
    await t.notThrowsAsync(run(client));
  });
}

test.serial('example: what they print is what their readers expect', (t) => {
  t.true(Object.keys(examples).length > 25);
  const lines = printed.map((words) => words.join(' '));
  for (const line of [
    'PLAN_NOT_FOUND List the plans; create it first.',
    'lab made for contract 2',
    'protectionGroups is empty: nothing would move',
    'vm-a POWER_STATE_ON',
    'RUN_RESULT_SUCCEEDED',
  ]) {
    t.true(lines.includes(line), `${line} is missing in\n${lines.join('\n')}`);
  }
});
