import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Command } from 'commander';
import { Cli } from '../../sdk/cli/cli.ts';
import { buildProgram } from '../../sdk/cli/program.ts';
import { version } from '../../sdk/cli/version.ts';
import { paper, siteswap } from '../_support/cli.ts';

const nobody = 'unix:/nonexistent/siteswap.sock';

const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);

test('siteswap --help → every command, the daemon among them, and the exit codes', async (t) => {
  const { exit, out } = await siteswap('--help');
  t.is(exit, 0);
  const words =
    'daemon front journal plugins sites arrays devices vms datastores plan run runs watch report resume cancel ' +
    'site device call completion';
  for (const command of words.split(' '))
    t.regex(out, new RegExp(`^  ${command} {2,}`, 'm'), command);
  t.regex(out, /Exit codes:\n {2}0 {4}done/);
});

test('siteswap --version → the version alone, exit 0', async (t) => {
  const { exit, out, err } = await siteswap('--version');
  t.deepEqual([exit, out.trim(), err], [0, version, '']);
});

test('siteswap COMMAND --help → examples on every command', async (t) => {
  const program = await buildProgram(new Cli(paper()), []);
  const ours = program.commands.filter(
    (command) => !/^(daemon|front|journal|complete)$/.test(command.name()),
  );
  for (const command of ours.flatMap(leaves)) {
    const path = [command.parent?.parent ? command.parent.name() : '', command.name()];
    const { exit, out } = await siteswap(...path.filter((word) => word !== ''), '--help');
    t.is(exit, 0);
    t.regex(out, /Examples:\n {2}siteswap /, path.join(' '));
  }
});

test('a mistyped command or option → exit 2 and the likely word', async (t) => {
  const command = await siteswap('devcies');
  t.is(command.exit, 2);
  t.regex(command.err, /unknown command 'devcies'\n\(Did you mean devices\?\)/);
  const nested = await siteswap('plan', 'aply', 'x.yaml');
  t.is(nested.exit, 2);
  t.regex(nested.err, /Did you mean apply\?/);
  const option = await siteswap('run', 'p', '--mode', 'test', '--detahc');
  t.is(option.exit, 2);
  t.regex(option.err, /Did you mean --detach\?/);
  const needed = await siteswap('run', 'p', '--mod', 'test');
  t.is(needed.exit, 2);
  t.regex(needed.err, /unknown option '--mod'\n\(Did you mean --mode\?\)/);
  t.regex((await siteswap('run', 'p')).err, /required option '--mode <mode>' not specified/);
});

test('a wrong mode, a missing option, a wrong number → exit 2 and what is allowed', async (t) => {
  const mode = await siteswap('run', 'p', '--mode', 'fast');
  t.is(mode.exit, 2);
  t.regex(mode.err, /Allowed choices are test, cleanup, planned, disaster, reprotect, fence/);
  t.regex((await siteswap('site', 'lost', 'east')).err, /required option '--reason <text>'/);
  t.regex((await siteswap('site', 'lost', '--help')).out, /why; journaled \(required\)/);
  const json = await siteswap('plan', 'get', '--json');
  t.is(json.exit, 2);
  const { what, next } = JSON.parse(json.err).error;
  t.deepEqual(
    [what, next],
    ["missing required argument 'plan'", 'See `siteswap plan get --help`.'],
  );
  t.regex((await siteswap('watch', 'r', '--from', 'x')).err, /whole number of at least 0/);
});

test('an address that is none → exit 2 and the form of addresses', async (t) => {
  for (const address of ['', 'foo', 'unix:', '127.0.0.1:99999', 'http://127.0.0.1:7460']) {
    const { exit, err } = await siteswap('sites', '--address', address);
    t.is(exit, 2, address);
    t.regex(err, /is not an address\n.*ADDRESS_INVALID\n +next +Use unix:PATH or HOST:PORT/s);
  }
});

test('no daemon at the address → exit 4, whose it is and the way out, no stack trace', async (t) => {
  const { exit, err } = await siteswap('sites', '--address', nobody);
  t.is(exit, 4);
  t.regex(err, /^✗ no daemon answers at unix:\/nonexistent\/siteswap\.sock\n/);
  t.regex(err, /next {2}Start it with `siteswap daemon`/);
  t.notRegex(err, /\n {4}at /);
});

test('--json: a failure → one JSON document on standard error', async (t) => {
  const { exit, err } = await siteswap('sites', '--json', '--address', nobody);
  const { error } = JSON.parse(err);
  t.is(exit, 4);
  t.is(error.exit, 4);
  t.is(error.reason, 'DAEMON_UNREACHABLE');
});

test('plan validate --offline: a wrong file → exit 2 and every line; a right one → 0', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'siteswap-cli-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const file = join(directory, 'plan.yaml');
  await writeFile(file, 'id: p\nprotectedSite: a\nrecoverySite: b\nprotectionGroup: []\n');
  const wrong = await siteswap('plan', 'validate', file, '--offline');
  t.is(wrong.exit, 2);
  t.regex(wrong.err, /plan\.yaml:4:1: protectionGroup: unknown key "protectionGroup"/);
  t.regex(wrong.err, /did you mean "protectionGroups"\?/);
  await writeFile(
    file,
    'id: p\nprotectedSite: a\nrecoverySite: b\nprotectionGroups: [{id: g, groups: [x/y]}]\n',
  );
  const right = await siteswap('plan', 'validate', file, '--offline');
  t.is(right.exit, 0);
  t.is((await siteswap('plan', 'validate', join(directory, 'none.yaml'), '--offline')).exit, 2);
});

test('call: an unknown method → exit 2 and the likely one; --list → all', async (t) => {
  const wrong = await siteswap('call', 'RunService/GetRunn', '--address', nobody);
  t.is(wrong.exit, 2);
  t.regex(wrong.err, /Did you mean RunService\/GetRun\?/);
  const bad = await siteswap('call', 'RunService/GetRun', '{', '--address', nobody);
  t.regex(bad.err, /the request is not JSON/);
  const ask = (method: string, json: object) =>
    siteswap('call', method, JSON.stringify(json), '--address', nobody);
  const word = await ask('RunService/StartRun', { planId: 'p', mode: 'MODE_TSET' });
  t.is(word.exit, 2);
  t.regex(word.err, /mode cannot be MODE_TSET/);
  t.regex(word.err, /Did you mean MODE_TEST\? It is one of MODE_TEST, MODE_CLEANUP, MODE_PLANNED/);
  const nested = { plan: { options: { lag: { beyond: 'LAG_ACTION_WRAN' } } } };
  t.regex(
    (await ask('PlanService/CreatePlan', nested)).err,
    /plan\.options\.lag\.beyond cannot be/,
  );
  const inMap = { policies: { sync: { otherwise: { type: 'STOP' } } } };
  t.regex(
    (await ask('RunService/StartRun', inMap)).err,
    /policies\[sync\]\.otherwise\.type cannot/,
  );
  t.regex((await ask('PlanService/CreatePlan', { plan: { idd: 'x' } })).err, /no field plan\.idd/);
  for (const [request, says] of [
    [{ plan: 5 }, /plan must be an object/],
    [{ plan: [] }, /plan must be an object/],
    [{ plan: { id: { a: 1 } } }, /plan\.id must be a text/],
    [{ plan: { id: 5 } }, /plan\.id must be a text/],
    [{ plan: { protectionGroups: {} } }, /plan\.protectionGroups must be a list/],
    [{ plan: { protectionGroups: ['x'] } }, /plan\.protectionGroups\[0\] must be an object/],
    [{ plan: { policies: [] } }, /plan\.policies must be an object/],
    [{ plan: { options: { vmWorkgroupMax: 'many' } } }, /vmWorkgroupMax must be a whole number/],
    [{ plan: { options: { vmWorkgroupMax: -4 } } }, /must be a whole number of at least 0/],
    [{ plan: { options: { priorityGates: 'no' } } }, /priorityGates must be true or false/],
  ] as const) {
    const asked = await ask('PlanService/CreatePlan', request);
    t.is(asked.exit, 2, asked.err);
    t.regex(asked.err, says);
  }
  const listed = await siteswap('call', '--list', '--address', nobody);
  t.is(listed.exit, 0);
  t.regex(listed.out, /^PlanService\/CreatePlan$/m);
  t.regex(listed.err, /^! no daemon answers at .* methods of this program's own contract$/m);
});

test('--policy: what is not an action → exit 2 and the forms', async (t) => {
  const { exit, err } = await siteswap(
    ...['run', 'p', '--mode', 'test', '--policy', 'sync=halt', '--address', nobody],
  );
  t.is(exit, 2);
  t.regex(err, /halt is not an action\n.*rollback:REACH/);
});

test('files that cannot be read → why, and what was wanted there', async (t) => {
  const wanted = ['run', 'p', '--mode', 'test', '--policy', 'nonsense', '--address', nobody];
  const policy = await siteswap(...wanted);
  t.is(policy.exit, 2);
  t.regex(policy.err, /cannot read nonsense: there is no such file\n +next +Give STEP=ACTION/);
  const directory = await siteswap('plan', 'validate', tmpdir(), '--offline');
  t.regex(directory.err, /cannot read \S+: it is a directory\n/);
});

test('completion: a script for each shell, and words for a half-typed command', async (t) => {
  const words: string[] = [];
  const log = console.log;
  console.log = (line: string) => words.push(line);
  t.teardown(() => {
    console.log = log;
  });
  for (const shell of ['zsh', 'fish']) {
    await siteswap('completion', shell);
    t.regex(words.splice(0).join('\n'), /siteswap complete -- /, shell);
  }
  await siteswap('complete', '--', 'plan', 'a');
  t.true(words.splice(0).some((line) => line.startsWith('apply\t')));
  await siteswap('complete', '--', 'run', 'p', '--mode', '');
  t.true(words.splice(0).some((line) => line.startsWith('planned')));
});

/** A bash without startup files, and so without bash-completion, in which TAB was pressed. */
const tabbed = (script: string, line: string, pieces: readonly string[]): Promise<string> => {
  const typed = `
source <(echo "$SCRIPT")
source <(echo "$SCRIPT") || exit 1
siteswap() { printf 'plan\\tto plan\\nplanned\\t\\nunix:/run/a\\t\\n:4\\n'; }
COMP_LINE="$LINE"; COMP_POINT=\${#COMP_LINE}; COMP_CWORD=$(($# - 1)); COMP_WORDS=("$@")
__siteswap_complete siteswap "\${COMP_WORDS[COMP_CWORD]}"
printf '%s\\n' "\${COMPREPLY[@]}"`;
  return new Promise((resolve, reject) => {
    execFile(
      'bash',
      ['--norc', '--noprofile', '-c', typed, 'bash', ...pieces],
      { env: { ...process.env, SCRIPT: script, LINE: line } },
      (error, stdout, stderr) => (error ? reject(error) : resolve(`${stdout}${stderr}`)),
    );
  });
};

test('completion: bash alone, sourced twice → words; after a colon only what is missing', async (t) => {
  const { out } = await siteswap('completion', 'bash');
  t.is(await tabbed(out, 'siteswap pla', ['siteswap', 'pla']), 'plan\nplanned\n');
  t.is(await tabbed(out, 'siteswap x ', ['siteswap', 'x', '']), 'plan\nplanned\nunix:/run/a\n');
  const address = ['siteswap', '--address', 'unix', ':', '/r'];
  t.is(await tabbed(out, 'siteswap --address unix:/r', address), '/run/a\n');
  t.is(await tabbed(out, 'siteswap --address unix:', address.slice(0, 4)), '/run/a\n');
});
