/**
 * The demo: real bytes, VMs that are processes, two sites, everything over gRPC. Moves twelve VMs
 * to the other site and back, kills the daemon in the middle, then loses a site for good.
 */
import { rm, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ItemOutcome, Mode, type RunEvent, RunEventType, Side } from '@siteswap/sdk/client';
import { compareDevices, countVms, type DeviceComparison, type VmCount } from './evidence.ts';
import { act, columns, proof, styled, type } from './show.ts';
import { heartbeatMs, planYaml, type Stage, setStage } from './stage.ts';

const plan = 'company';
const requester = 'demo';

/** Data written after the last sync is what a disaster costs: this much of it here. */
const unprotectedMs = 1_000;

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
const sum = (counts: readonly VmCount[], of: (count: VmCount) => number): number =>
  counts.reduce((total, count) => total + of(count), 0);
const largest = (counts: readonly VmCount[], of: (count: VmCount) => number): number =>
  Math.max(...counts.map(of));

class Demo {
  readonly #stage: Stage;
  readonly #signal: AbortSignal;

  constructor(stage: Stage, signal: AbortSignal) {
    this.#stage = stage;
    this.#signal = signal;
  }

  async play(): Promise<void> {
    this.#signal.throwIfAborted();
    await this.#discover();
    await this.#moveAsPlanned();
    await this.#killInTheMiddle();
    await this.#loseEast();
  }

  async #siteswap(...args: readonly string[]): Promise<number> {
    const { address } = this.#stage.daemon;
    const env = { ...process.env, SITESWAP_ADDRESS: address, SITESWAP_REQUESTER: requester };
    const code = await type(args, env, this.#signal).ended;
    this.#signal.throwIfAborted();
    console.log();
    return code;
  }

  async #must(...args: readonly string[]): Promise<void> {
    const code = await this.#siteswap(...args);
    if (code !== 0) throw new Error(`siteswap ${args.join(' ')} ended with ${code}`);
  }

  async #discover(): Promise<void> {
    act(
      'Two sites',
      'East is protected, West takes over. An array is a directory, a device an image file that is',
      'replicated block by block; a VM is a process that writes a numbered heartbeat to its disk',
      `every ${heartbeatMs} ms, so that whatever gets lost on the way can be counted.`,
      'One step of the first runs is delayed on purpose, to look at the disks before a VM starts:',
      'that is the injection which the commands tell of.',
    );
    await this.#must('devices', '--array', 'array-east');
    await this.#must('vms');
    const file = this.#stage.at('company.yaml');
    await writeFile(file, planYaml);
    await this.#must('plan', 'apply', file);
    await this.#must('plan', 'preview', plan, '--mode', 'planned');
  }

  async #moveAsPlanned(): Promise<void> {
    act(
      'A planned failover: East → West',
      'Workgroups flow through the steps on their own; priorities wait for each other at power-on.',
      'The run is held for a moment before the VMs start, to compare both arrays byte for byte.',
    );
    const { client } = this.#stage.daemon;
    const { runId } = await client.runs.start({ planId: plan, mode: Mode.PLANNED, requester });
    const [compared] = await Promise.all([
      this.#compareWhenMounted(runId),
      this.#must('watch', runId, '--from', '0'),
    ]);
    this.#showBytes(compared);
    const counts = await this.#count('array-west');
    columns(
      ['VM', 'HEARTBEATS', 'BOOTS', 'LOST', 'TWICE', 'SILENT'],
      counts.map(({ vm, held, boots, lost, twice, silentMs }) =>
        [vm, held, boots, lost, twice, seconds(silentMs)].map(String),
      ),
    );
    proof(sum(counts, ({ lost }) => lost) === 0, 'not one heartbeat was lost');
    proof(sum(counts, ({ twice }) => twice) === 0, 'no disk ever had two writers');
  }

  /** Every group is promoted and mounted, and no VM has started yet. */
  async #compareWhenMounted(runId: string): Promise<DeviceComparison[] | undefined> {
    const { client } = this.#stage.daemon;
    let open: number | undefined;
    let cursor = 0;
    for await (const event of client.runs.watch(runId, { signal: this.#signal })) {
      cursor = event.cursor;
      open ??= (await client.runs.get(runId)).steps.find(
        ({ name }) => name === 'mount',
      )?.workgroupsTotal;
      if (event.type !== RunEventType.TASK_OUTCOME || event.step !== 'mount') continue;
      open = (open ?? 0) - 1;
      if (open === 0) break;
    }
    const found = await compareDevices(this.#stage.at('array-east'), this.#stage.at('array-west'));
    const steps = (await client.runs.get(runId)).steps;
    const started = steps.find(({ name }) => name === 'register')?.workgroupsDone ?? 0;
    return started === 0 && cursor > 0 ? found : undefined;
  }

  #showBytes(found: DeviceComparison[] | undefined): void {
    if (found === undefined) {
      console.log('This machine was too slow to compare the bytes before the first VM started.\n');
      return;
    }
    columns(
      ['DEVICE', 'EAST', 'WEST'],
      found.map(({ device, source, target }) => [
        device,
        source.slice(0, 16),
        `${target.slice(0, 16)} ${source === target ? 'equal' : 'DIFFERS'}`,
      ]),
    );
    const equal = found.every(({ source, target }) => source === target);
    proof(equal, `${found.length} devices hold the same bytes at both sites\n`);
  }

  #count(arrayId: string): Promise<VmCount[]> {
    const { at } = this.#stage;
    return countVms(at(arrayId), [at('compute-east'), at('compute-west')]);
  }

  async #killInTheMiddle(): Promise<void> {
    act(
      'Back again: West → East, and the daemon is killed on the way',
      'First the replication is turned around. Then, with VMs half moved: kill -9.',
    );
    await this.#must('run', plan, '--mode', 'reprotect');
    const { daemon } = this.#stage;
    const { client } = daemon;
    const { runId } = await client.runs.start({ planId: plan, mode: Mode.PLANNED, requester });
    const before: RunEvent[] = [];
    for await (const event of client.runs.watch(runId, { signal: this.#signal })) {
      before.push(event);
      if (event.type === RunEventType.TASK_OUTCOME && event.step === 'power-on') break;
    }
    console.log(`${styled('dim', '$')} ${styled('bold', `kill -9 ${daemon.pid}`)}`);
    await daemon.kill();
    const last = before.at(-1)?.cursor ?? 0;
    console.log(`the daemon is gone after event ${last}; the VMs do not notice\n`);
    await daemon.restart({ injections: [] });
    console.log('started again on the same state: the run goes on by itself');
    await this.#must('watch', runId, '--from', String(last));
    await this.#proveNothingTwice(runId, before);
    const counts = await this.#count('array-east');
    proof(sum(counts, ({ lost }) => lost) === 0, 'not one heartbeat was lost');
    proof(
      counts.every(({ boots }) => boots === 3),
      'each VM was started once, whatever happened to the daemon',
    );
  }

  async #proveNothingTwice(runId: string, before: readonly RunEvent[]): Promise<void> {
    const taskOf = ({ workgroupId, step }: RunEvent): string => `${workgroupId} ${step}`;
    const done = new Set(
      before
        .filter((event) => event.type === RunEventType.TASK_OUTCOME && event.faults.length === 0)
        .map(taskOf),
    );
    const cursor = before.at(-1)?.cursor ?? 0;
    let again = 0;
    for await (const event of this.#stage.daemon.client.runs.watch(runId, { cursor })) {
      if (event.type === RunEventType.TASK_STARTED && done.has(taskOf(event))) again += 1;
    }
    proof(again === 0, `none of the ${done.size} tasks that were done before ran again`);
  }

  async #loseEast(): Promise<void> {
    act(
      'A disaster: East is gone',
      `East is protected again, synchronised, and lost ${seconds(unprotectedMs)} later:`,
      'its VMs stop, its directories are moved away, and nothing of it can be asked any more.',
    );
    await this.#must('run', plan, '--mode', 'reprotect');
    await this.#must('device', 'sync', 'erp', 'shop', 'mail', 'files', '--array', 'array-east');
    await delay(unprotectedMs, undefined, { signal: this.#signal });
    await this.#stage.loseSite('east');
    await this.#must('site', 'lost', 'east', '--reason', 'fire in hall 2');
    const { client } = this.#stage.daemon;
    const started = await client.runs.start({ planId: plan, mode: Mode.DISASTER, requester });
    await this.#must('watch', started.runId, '--from', '0');
    await this.#must('report', started.runId);
    const { at } = this.#stage;
    const counts = await countVms(at('array-west'), [at('compute-east.gone'), at('compute-west')]);
    const lost = largest(counts, (count) => count.lost);
    const report = await client.runs.report(started.runId);
    columns(
      ['MEASURED', ''],
      [
        ['recovery time', seconds(report.recoveryTimeMs ?? 0)],
        ['data loss, by the age of the copies', seconds(report.dataLossMs ?? 0)],
        ['data loss, counted by the VMs', `${lost} heartbeats, ${seconds(lost * heartbeatMs)}`],
      ],
    );
    const { steps } = await client.runs.get(started.runId);
    proof(
      steps.every(({ side }) => side === Side.RECOVERY),
      'every step worked at West alone',
    );
    const done = report.items.filter(({ outcome }) => outcome === ItemOutcome.DONE);
    proof(done.length === report.itemsTotal, 'all groups and VMs are at West');
    proof(sum(counts, ({ twice }) => twice) === 0, 'no disk ever had two writers');
  }
}

const main = async (): Promise<void> => {
  const startMs = Date.now();
  const interrupt = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupt.abort(signal));
  }
  console.log(styled('bold', 'Siteswap'), styled('dim', '· twelve VMs, two sites, one disaster'));
  const stage = await setStage();
  console.log(styled('dim', `everything happens in ${stage.root}`));
  try {
    await new Demo(stage, interrupt.signal).play();
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    await stage.clear();
    await rm(stage.root, { recursive: true, force: true });
  }
  const took = seconds(Date.now() - startMs);
  console.log(styled('dim', `\n${took}; every process has ended and every file is removed`));
};

await main();
