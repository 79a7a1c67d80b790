/** InjectionService: failures on purpose, for those who have the role. */
import { timingSafeEqual } from 'node:crypto';
import {
  InjectionServiceService,
  type InjectionRule as RuleMessage,
  type InjectionStatus as StatusMessage,
} from '../../proto/gen/siteswap/v1/injection.ts';
import type { Secret } from '../../sdk/plugin/config.ts';
import type { Rule } from '../../sdk/scenario/rule.ts';
import { onMinutesMax } from '../../sdk/scenario/schema.ts';
import { ruleFrom, ruleMessage } from '../../sdk/scenario/translate.ts';
import { SiteswapError } from '../core/errors.ts';
import type { InjectionStatus } from '../runner/injector.ts';
import type { Engine } from '../runner/service.ts';
import type { Call, Calls, Service } from './calls.ts';
import { Problems, required } from './check.ts';

const missing = (message: string): SiteswapError =>
  new SiteswapError('ROLE_MISSING', message, { subject: 'injector' });

const isSame = (given: string, known: string): boolean => {
  const [one, other] = [Buffer.from(given), Buffer.from(known)];
  return one.length === other.length && timingSafeEqual(one, other);
};

/** Throws ROLE_MISSING. */
const expectRole = (call: Call, injector: Secret | undefined): void => {
  if (injector === undefined) {
    throw missing('nobody has the role "injector": the configuration has no token for it');
  }
  const given = /^Bearer (.+)$/.exec(call.authorization)?.[1];
  if (given === undefined) throw missing('the call does not show the role "injector"');
  if (!isSame(given, injector.reveal())) throw missing('this is not the token of "injector"');
};

const moment = (atMs: number | undefined): Date | undefined =>
  atMs === undefined || atMs === 0 ? undefined : new Date(atMs);

const statusTo = (status: InjectionStatus, available: boolean): StatusMessage => ({
  ...status,
  since: moment(status.sinceMs),
  until: moment(status.untilMs),
  rules: status.rules.map((rule) => ({ ...rule })),
  available,
});

const rulesFrom = (messages: readonly RuleMessage[], problems: Problems): Rule[] => {
  if (messages.length === 0) problems.add('rules', 'are missing');
  return messages.flatMap((message, at) => {
    const read = ruleFrom(message);
    if ('rule' in read) return [read.rule];
    for (const { field, message: what } of read.problems) {
      problems.add(`rules[${at}]${field === '' ? '' : `.${field}`}`, what);
    }
    return [];
  });
};

/** Who asks; why, where that is asked for. */
const asked = (requester: string, reason?: string): Problems => {
  const problems = new Problems();
  problems.text('requester', requester);
  if (reason === '') {
    problems.add('reason', 'is missing: it is journaled, for those who come later');
  }
  return problems;
};

/** Waits as long as its caller does: switching off takes as long as the longest call. */
const patient = Number.POSITIVE_INFINITY;

export const injectionService = (injector: Secret | undefined) => {
  const available = injector !== undefined;
  return (engine: Engine, calls: Calls): Service => {
    const answer = async (change: Promise<InjectionStatus>) => ({
      status: statusTo(await change, available),
    });
    return calls.service(
      InjectionServiceService,
      {
        enableInjections: ({ requester, reason, seed, forMs }, call) => {
          expectRole(call, injector);
          const problems = asked(requester, reason);
          if (forMs > onMinutesMax * 60_000) problems.add('forMs', `is beyond ${onMinutesMax} min`);
          problems.end();
          return answer(engine.injections.enable(requester, reason, seed, forMs));
        },
        disableInjections: ({ requester, reason }, call) => {
          expectRole(call, injector);
          asked(requester).end();
          return answer(engine.injections.disable(requester, reason));
        },
        addInjectionRules: ({ requester, rules }, call) => {
          expectRole(call, injector);
          const problems = asked(requester);
          const read = rulesFrom(rules, problems);
          problems.end();
          return answer(engine.injections.add(requester, read));
        },
        removeInjectionRules: ({ requester, names }, call) => {
          expectRole(call, injector);
          asked(requester).end();
          return answer(engine.injections.remove(requester, names));
        },
        listInjectionRules: (_request, call) => {
          expectRole(call, injector);
          const { seed } = engine.injections;
          return { seed, rules: engine.injections.rules().map(ruleMessage) };
        },
        getInjectionStatus: () => ({ status: statusTo(engine.injections.status(), available) }),
        replayRun: async ({ runId }, call) => {
          expectRole(call, injector);
          const { rules, notes } = await engine.replayRun(required('runId', runId));
          return { rules: rules.map(ruleMessage), notes: [...notes] };
        },
      },
      patient,
    );
  };
};
