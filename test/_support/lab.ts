/** A small lab in this thread, with time driven by hand and verbs called by name. */
import type {
  Answer,
  DeviceStatus,
  OperationStatus,
  Settlement,
  TargetVerb,
  ValueAnswer,
  VmStatus,
} from '@siteswap/sdk/plugin';
import { controlLab, type DrivenTime, drivenTime } from '../../plugins/lab/control.ts';
import { newLab } from '../../plugins/lab/lab.ts';
import { inlinePort, type Port } from '../../plugins/lab/port.ts';
import { deviceIdOf, type LabOptions, labSpec, vmIdOf } from '../../plugins/lab/spec.ts';

export const startMs = 1_000_000;

export interface Ask {
  readonly key?: string;
  readonly epoch?: number;
  readonly args?: object;
  readonly signal?: AbortSignal;
}

let keys = 0;

/** Verbs of the remotes behind a port; each call has a key of its own unless one is given. */
export const verbsOf = (port: Port) => {
  const verb = async <A = Answer>(
    remoteId: string,
    name: TargetVerb,
    targets: readonly { readonly id: string }[],
    ask: Ask = {},
  ): Promise<readonly A[]> => {
    keys += 1;
    const { key = `test-${keys}/step/run/1`, epoch = 1, args = {}, signal } = ask;
    const request = { kind: 'verb', remoteId, verb: name, key, epoch, targets, args } as const;
    return (await port.send(request, signal)) as readonly A[];
  };
  const settle = async (
    remoteId: string,
    name: TargetVerb,
    targets: readonly { readonly id: string }[],
    key: string,
    epoch = 1,
  ): Promise<readonly Settlement[]> => {
    const request = { kind: 'settle', remoteId, verb: name, key, epoch, targets } as const;
    return (await port.send(request)) as readonly Settlement[];
  };
  const poll = async (
    remoteId: string,
    id: string,
    operation: string,
  ): Promise<OperationStatus | undefined> => {
    const request = { kind: 'poll', remoteId, targets: [{ id, operation }] } as const;
    return ((await port.send(request)) as readonly OperationStatus[])[0];
  };
  return { verb, settle, poll };
};

/** The nth group (from 1) as a target at a site; devices empty: all that the array knows of it. */
export const group = (n = 1) => ({ id: `cg-${String(n).padStart(4, '0')}`, devices: [] });
export const vm = (n = 1, instance: 'production' | 'test' = 'production') => ({
  id: vmIdOf(n),
  instance,
});
export const datastore = (n = 1, instance: 'production' | 'test' = 'production') => ({
  id: `ds-${String(n).padStart(4, '0')}-1`,
  instance,
});
export const device = (side: 'a' | 'b', n = 1, m = 1): string => deviceIdOf(`site-${side}`, n, m);

/** `ok`, `accepted`, or the fault's kind and code, in the order of the answers. */
export const said = (answers: readonly object[]): readonly string[] =>
  answers.map((answer) => {
    const { fault, accepted } = answer as { fault?: { kind: string; code?: string } } & {
      accepted?: object;
    };
    if (fault !== undefined) return `${fault.kind} ${fault.code}`;
    return accepted === undefined ? 'ok' : 'accepted';
  });

export const valueIn = <V>(answers: readonly ValueAnswer<V>[]): V => {
  const [answer] = answers;
  if (answer !== undefined && 'value' in answer) return answer.value;
  throw new Error(`no value in ${JSON.stringify(answers)}`);
};

export const makeLab = (options: LabOptions = {}, time: DrivenTime = drivenTime(startMs)) => {
  const lab = newLab(labSpec(options), time);
  const port = inlinePort(lab);
  return { lab, time, port, control: controlLab(lab), ...verbsOf(port) };
};

export type TestLab = ReturnType<typeof makeLab>;

/** What the array at a side says of the first device of the first group. */
export const statusAt = async ({ verb }: TestLab, side: 'a' | 'b'): Promise<DeviceStatus> => {
  const answers = await verb<ValueAnswer<readonly DeviceStatus[]>>(`lab-${side}`, 'deviceStatus', [
    group(),
  ]);
  return valueIn(answers)[0] as DeviceStatus;
};

/** What the compute at a side says of the nth VM. */
export const vmAt = async ({ verb }: TestLab, side: 'a' | 'b', n = 1): Promise<VmStatus> =>
  valueIn(await verb<ValueAnswer<VmStatus>>(`lab-compute-${side}`, 'vmStatus', [vm(n)]));

const expectOk = (answers: readonly object[]): void => {
  const words = said(answers);
  if (words.some((word) => word !== 'ok')) throw new Error(`expected ok, got ${words}`);
};

/** Moves the first group's VMs, datastores and roles from site to site, as a planned run does. */
export const failOver = async (
  { verb }: TestLab,
  from: 'a' | 'b' = 'a',
  vms: readonly { id: string; instance: 'production' | 'test' }[] = [vm()],
): Promise<void> => {
  const to = from === 'a' ? 'b' : 'a';
  const [old, next] = [`lab-compute-${from}`, `lab-compute-${to}`];
  expectOk(await verb(old, 'shutDown', vms));
  expectOk(await verb(`lab-${from}`, 'sync', [group()]));
  expectOk(await verb(old, 'unmount', [datastore()]));
  expectOk(await verb(`lab-${from}`, 'prepareFailover', [group()]));
  expectOk(await verb(`lab-${to}`, 'failover', [group()], { args: { force: false } }));
  expectOk(await verb(next, 'mount', [datastore()]));
  expectOk(await verb(next, 'register', vms));
  expectOk(await verb(next, 'powerOn', vms));
};
