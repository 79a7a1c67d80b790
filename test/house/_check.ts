/** Registers the two tests of a rule: the project keeps it, and it is able to fail. */
import test from 'ava';
import { type Finding, type Rule, sourceOf, sources } from './_source.ts';

const lineOf = ({ path, line, problem }: Finding): string => `${path}:${line} ${problem}`;

export const hold = (rule: Rule): void => {
  test(`house: ${rule.name}`, (t) => {
    t.deepEqual(
      sources()
        .flatMap((file) => rule.check(file))
        .map(lineOf),
      [],
    );
  });
  test(`house: ${rule.name} → a breach is found, and what is right is not`, (t) => {
    for (const { path, text } of rule.bad) {
      t.not(rule.check(sourceOf(path, text)).length, 0, `not found in ${path}: ${text}`);
    }
    for (const { path, text } of rule.good) {
      t.deepEqual(rule.check(sourceOf(path, text)).map(lineOf), [], `${path}: ${text}`);
    }
  });
};
