/** What is not written here, and what is written instead. */
import { hold } from './_check.ts';
import { matches } from './_source.ts';

interface Ban {
  readonly what: string;
  readonly pattern: RegExp;
  readonly instead: string;
  /** Where the rule holds. */
  readonly where: RegExp;
  /** The one place that gives the replacement, and others with a reason. */
  readonly except?: RegExp;
  /** Rules about comments read the whole text. */
  readonly text?: true;
  readonly bad: string;
  readonly good: string;
}

const ours = /^(daemon|sdk|plugins|proto|bench|examples|bin|test)\//;
const pureOrDriven = /^daemon\/(core|steps|planner|runner|feed|gateway|present|cluster)\//;

const bans: readonly Ban[] = [
  {
    what: 'Math.random',
    pattern: /\bMath\.random\b/,
    instead: 'take a Random (daemon/core/random.ts) or a seed, so that a seed reproduces a run',
    where: ours,
    bad: 'const a = Math.random();',
    good: 'const a = random.fraction();',
  },
  {
    what: 'the wall clock on a floor that is given a Clock',
    pattern: /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b/,
    instead: 'take a Clock (daemon/core/clock.ts)',
    where: pureOrDriven,
    bad: 'const a = new Date();',
    good: 'const a = clock.now(); const b = new Date(a);',
  },
  {
    what: 'a timer on a floor that is given a Clock',
    pattern: /\bset(Timeout|Interval)\s*\(|'node:timers/,
    instead: 'use clock.wakeAt (daemon/core/clock.ts)',
    where: pureOrDriven,
    bad: 'setTimeout(wake, 5);',
    good: 'clock.wakeAt(now + 5, wake);',
  },
  {
    what: 'console in the daemon and its kit',
    pattern: /\bconsole\./,
    instead: 'use the logger that is handed in (pino), which redacts secrets',
    where: /^(daemon|plugins|sdk\/(plugin|client))\//,
    bad: "console.log('a');",
    good: "log.info('a');",
  },
  {
    what: 'process.exit outside the files that start a process',
    pattern: /\bprocess\.exit\s*\(/,
    instead: 'return, or set process.exitCode in main.ts',
    where: ours,
    except:
      /(^|\/)(main|process|vm|command|[a-z]+-command)\.ts$|^daemon\/workers\/thread\.ts$|^test\//,
    bad: 'process.exit(1);',
    good: 'process.exitCode = 1;',
  },
  {
    what: 'an event emitter between floors',
    pattern: /\bEventEmitter\b|\.emit\(/,
    instead: 'return a value, or an AsyncIterable for a stream',
    where: /^(daemon\/(core|steps|planner|journal|present|gateway|workers|feed|runner)|sdk)\//,
    bad: "bus.emit('done');",
    good: 'return done;',
  },
  {
    what: '`as any`',
    pattern: /\bas any\b|<any>/,
    instead: 'say what it is, or unknown and a check',
    where: ours,
    bad: 'const a = b as any;',
    good: 'const a = b as unknown;',
  },
  {
    what: 'silencing the compiler',
    pattern: /@ts-(ignore|expect-error|nocheck)/,
    instead: 'mend the type',
    where: ours,
    except: /^test\/house\//,
    text: true,
    bad: '// @ts-ignore\n',
    good: '// the type says so\n',
  },
  {
    what: 'silencing the linter without a reason',
    pattern: /biome-ignore(?![^\n]*: \S{3,})/,
    instead: 'say why behind the colon',
    where: ours,
    except: /^test\/house\//,
    text: true,
    bad: '// biome-ignore lint/style/x\n',
    good: '// biome-ignore lint/style/x: the contract says so\n',
  },
  {
    what: 'notes to ourselves',
    pattern: /\b(TODO|FIXME|XXX|HACK)\b/,
    instead: 'do it, or write an issue',
    where: ours,
    except: /^test\/house\//,
    text: true,
    bad: '// TODO later\n',
    good: '// later than the deadline\n',
  },
  {
    what: 'a test that does not run',
    pattern: /\.(skip|only|failing|todo)\s*\(/,
    instead: 'make it run, or take it away',
    where: /^test\//,
    bad: "test.skip('a', (t) => t.pass());",
    good: "test('a', (t) => t.pass());",
  },
];

for (const { what, pattern, instead, where, except, text, bad, good } of bans) {
  const path = ['daemon/core/x.ts', 'test/unit/x.test.ts'].find((example) => where.test(example));
  hold({
    name: `no ${what}`,
    check: (file) =>
      where.test(file.path) && !except?.test(file.path)
        ? matches(file, pattern, instead, text ? 'text' : 'code')
        : [],
    bad: [{ path: path ?? '', text: bad }],
    good: [{ path: path ?? '', text: good }],
  });
}
