/** Requests and reports as PostgreSQL keeps them. */
import type { Row } from '../journal/pg-line.ts';
import type { Report, ReportedError, Request } from './queues.ts';

type Travelling = Omit<Request, 'body'> & { readonly body: string };

/** What a worker is handed; `untilMs` is by the database's clock. */
export interface Payload {
  readonly request: Travelling;
  readonly untilMs: number;
}

export const payloadOf = (request: Request): Travelling => ({
  ...request,
  body: Buffer.from(request.body).toString('base64'),
});

export const fromPayload = ({ request, untilMs }: Payload) => ({
  request: { ...request, body: Buffer.from(request.body, 'base64') },
  untilMs,
});

interface Told {
  readonly asker: string;
  readonly report: Report;
  readonly streams: boolean;
}

/** Columns, as `reportSql` takes them. */
export const rowOf = (told: readonly Told[]): readonly unknown[] => {
  const of = <T>(column: (report: Report) => T): readonly T[] =>
    told.map(({ report }) => column(report));
  return [
    of(({ requestId }) => requestId),
    of(({ attempt }) => attempt),
    of(({ part }) => part),
    of(({ last }) => last),
    of(({ memberId }) => memberId),
    told.map(({ asker }) => asker),
    of(({ body, began = body }) => (began === undefined ? null : Buffer.from(began))),
    of(({ error }) => (error === undefined ? null : JSON.stringify(error))),
    of(({ elsewhere }) => elsewhere ?? null),
    told.map(({ streams }) => streams),
  ];
};

export const reportOf = (row: Row): Report => {
  const { body, error, elsewhere } = row as Record<string, string | Buffer | null>;
  return {
    requestId: row.request as string,
    attempt: row.attempt as number,
    part: row.part as number,
    last: row.last as boolean,
    memberId: row.member as string,
    ...(body === null ? {} : row.part === 0 ? { began: String(body) } : { body: body as Buffer }),
    ...(error === null ? {} : { error: JSON.parse(error as string) as ReportedError }),
    ...(elsewhere === null ? {} : { elsewhere: elsewhere as string }),
  };
};
