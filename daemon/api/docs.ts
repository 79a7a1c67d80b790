/** The error table of `proto/README.md`, written from the one that the code uses. */
import { errorTable } from '../core/errors.ts';

const begin = '<!-- errors:begin (written by npm run gen:docs) -->';
const end = '<!-- errors:end -->';

/** Every reason: gRPC code, owner, meaning, and what the caller does next. */
const errorRows = (): string => {
  const head =
    '| reason | code | owner | meaning | what the caller does next |\n|---|---|---|---|---|';
  const rows = Object.entries(errorTable).map(
    ([reason, { code, owner, meaning, next }]) =>
      `| \`${reason}\` | ${code} | ${owner} | ${meaning} | ${next} |`,
  );
  return [head, ...rows].join('\n');
};

/** `page` with its table as it must be. Throws when the page has no place for it. */
export const withErrorTable = (page: string): string => {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page lacks ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${errorRows()}\n\n${page.slice(to)}`;
};
