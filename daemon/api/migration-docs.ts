/** The tables of `docs/migrations.md`, written from the functions that judge. */
import { departures, executions } from '../../sdk/plugin/migration.ts';
import { judgeLost } from '../core/migration.ts';
import { judgeSides } from '../core/migration-sides.ts';

const yesNo = [true, false];
const word = (yes: boolean): string => (yes ? 'yes' : 'no');

const rowsOfLost = (): string[] =>
  yesNo.flatMap((started) =>
    yesNo.flatMap((placeholder) =>
      yesNo.map((completed) => {
        const facts = { started, placeholder, completed };
        const cells = executions.map((execution) => {
          const { verdict, way } = judgeLost(facts, execution);
          return `**${verdict}**: ${way}`;
        });
        return [word(started), word(placeholder), word(completed), ...cells].join(' | ');
      }),
    ),
  );

const rowsOfSides = (): string[] =>
  departures.map((departure) => {
    const cells = executions.map((execution) => {
      const [fresh, marked] = [false, true].map((done) => judgeSides(departure, execution, done));
      return fresh === marked ? fresh : `${fresh}; with the mark: ${marked}`;
    });
    return [departure, ...cells].join(' | ');
  });

const tableOf = (head: readonly string[], rows: readonly string[]): string =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');

const between = (page: string, name: string, text: string): string => {
  const begin = `<!-- ${name}:begin (written by npm run gen:docs) -->`;
  const end = `<!-- ${name}:end -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page lacks ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`;
};

/** `page` with its tables as they must be. Throws when the page has no place for them. */
export const withVerdictTables = (page: string): string => {
  const lost = tableOf(['started', 'placeholder', 'completed', ...executions], rowsOfLost());
  const sides = tableOf(['source', ...executions], rowsOfSides());
  return between(between(page, 'lost', lost), 'sides', sides);
};
