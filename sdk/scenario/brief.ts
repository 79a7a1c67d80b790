/** A rule in one short line, for a list of them: what it is for, and what happens there. */
import type { Fault } from '../plugin/fault.ts';
import { isToxicRule, type Rule } from './rule.ts';
import { formOf } from './translate.ts';

/** Longest text: the file, or an export, has all of it. */
const briefLengthMax = 160;

/** Of a list, which may be long. */
const shownMax = 3;

/** What says nothing of a toxic: every one has it. */
const usual: Readonly<Record<string, unknown>> = { stream: 'downstream', toxicity: 1 };

const textOf = (value: unknown): string => {
  if (Array.isArray(value)) {
    const more = value.length > shownMax ? ' …' : '';
    return `${value.slice(0, shownMax).join(' ')}${more}`;
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
};

const faultText = ({ kind, code }: Fault): string =>
  code === undefined ? kind : `${kind} [${code}]`;

const fieldText = ([name, value]: readonly [string, unknown]): string => {
  if (name === 'fault') return faultText(value as Fault);
  return value === true ? name : `${name} ${textOf(value)}`;
};

/** `step power-on, nth 1: error timeout [E1]`; at most 160 characters. */
export const briefOf = (rule: Rule): string => {
  const { name: _, effect: __, toxic: ___, ...scope } = formOf(rule);
  const where = Object.entries(scope)
    .filter(([key, value]) => value !== usual[key])
    .map(fieldText)
    .join(', ');
  const done: object = isToxicRule(rule) ? rule.toxic : rule.effect;
  const [[, what] = ['', ''], ...fields] = Object.entries(done);
  const how = [what, ...fields.map(fieldText)].join(' ');
  const text = `${where === '' ? 'everything' : where}: ${how}`;
  return text.length > briefLengthMax ? `${text.slice(0, briefLengthMax - 1)}…` : text;
};
