/** Written by `npm run gen:docs` from the examples in sdk/client: change them there. */
import {
  CallError,
  Decision,
  Direction,
  DivergedChoice,
  FaultKind,
  InjectionEffectType,
  Mode,
  PolicyActionType,
  Reach,
  RecoveryState,
  RemoteKind,
  RunDetail,
  RunStatus,
  Serving,
  connect,
  playGameDay,
  type SiteswapClient,
} from '../../../sdk/client/index.ts';

export const examples: Readonly<Record<string, (client: SiteswapClient) => Promise<void>>> = {
  'cluster.ts members': async (client) => {
    for (const { id, alive, runs } of await client.cluster.members()) console.log(id, alive, runs);
  },
  'cluster.ts drain': async (client) => {
    for (const { id, draining } of await client.cluster.members()) {
      if (id === 'one' && !draining) await client.cluster.drain(id);
    }
  },
  'connect.ts ready': async (client) => {
    await client.ready({ deadlineMs: 5_000 });
  },
  'connect.ts injecting': async (client) => {
    await client.inventory.sites();
    if (client.injecting) console.log('somebody fails calls on purpose');
  },
  'connect.ts held': async (client) => {
    await client.inventory.sites();
    if (client.held) console.log('make room where the journal is');
  },
  'connect.ts health': async (client) => {
    if ((await client.health()) !== Serving.SERVING) console.log('it takes no new work now');
  },
  'connect.ts waitForRun': async (client) => {
    const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
    const run = await client.waitForRun(runId, { deadlineMs: 60_000 });
    console.log(run.status === RunStatus.ENDED ? run.result : run.attention);
  },
  'connect.ts close': async (client) => {
    client.close();
  },
  'connect.ts connect': async (_client) => {
    const daemon = connect(process.env.SITESWAP_ADDRESS ?? 'unix:/run/siteswap/siteswap.sock');
    console.log(await daemon.inventory.sites());
    daemon.close();
  },
  'errors.ts CallError': async (client) => {
    try {
      await client.plans.get('no-such-plan');
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      console.log(error.reason, error.hint); // PLAN_NOT_FOUND List the plans; create it first.
    }
  },
  'game-day.ts playGameDay': async (client) => {
    const effect = { type: InjectionEffectType.LOST_REPLY };
    const day = await playGameDay(client, {
      planId: 'erp',
      name: 'a lost reply',
      seed: 1,
      rules: [{ name: 'reply lost', step: 'power-on', nth: 1, effect }],
      requester: 'me',
      deadlineMs: 600_000,
    });
    console.log(day.reactions, day.report.recoveryTimeMs);
  },
  'injections.ts enable': async (client) => {
    const reason = 'rehearsal of Friday';
    await client.injections.enable({ requester: 'me', reason, seed: 7, forMs: 3_600_000 });
  },
  'injections.ts disable': async (client) => {
    await client.injections.disable({ requester: 'me' }, { deadlineMs: 600_000 });
  },
  'injections.ts add': async (client) => {
    const effect = { type: InjectionEffectType.LOST_REPLY };
    const rules = [{ name: 'reply lost', step: 'promote-target', nth: 1, effect }];
    await client.injections.add({ requester: 'me', rules });
  },
  'injections.ts remove': async (client) => {
    await client.injections.remove({ requester: 'me', names: ['reply lost'] });
  },
  'injections.ts rules': async (client) => {
    const { rules } = await client.injections.rules();
    console.log(rules.map(({ name }) => name));
  },
  'injections.ts status': async (client) => {
    const { on, rules } = await client.injections.status();
    for (const { name, hits, note } of rules) console.log(on, name, hits, note);
  },
  'injections.ts replay': async (client) => {
    const { rules, notes } = await client.injections.replay('4f1c');
    for (const note of notes) console.log(note);
    await client.injections.add({ requester: 'me', rules });
  },
  'inventory.ts plugins': async (client) => {
    for (const plugin of await client.inventory.plugins()) {
      console.log(plugin.id, plugin.problem || plugin.verbs.map(({ verb }) => verb).join(' '));
    }
  },
  'inventory.ts sites': async (client) => {
    const lost = (await client.inventory.sites()).filter((site) => site.lost);
    console.log(lost.map((site) => `${site.id}: ${site.reason}`));
  },
  'inventory.ts remotes': async (client) => {
    const arrays = await client.inventory.remotes({ kind: RemoteKind.ARRAY, siteId: 'east' });
    console.log(arrays.map((storage) => `${storage.id} ${storage.health}`));
  },
  'inventory.ts discoverArrays': async (client) => {
    for await (const { arrays, problems } of client.inventory.discoverArrays()) {
      for (const storage of arrays) console.log(storage.id, storage.vendor, storage.model);
      for (const problem of problems) console.log(problem.remoteId, problem.message);
    }
  },
  'inventory.ts discoverDevices': async (client) => {
    for await (const { arrayId, devices, problem } of client.inventory.discoverDevices()) {
      if (problem) console.log(problem.message);
      for (const device of devices) console.log(arrayId, device.id, device.pairState);
    }
  },
  'inventory.ts watchDevices': async (client) => {
    for await (const { arrayId, devices, goneIds } of client.inventory.watchDevices()) {
      for (const device of devices) console.log(arrayId, device.id, device.pairState);
      for (const id of goneIds) console.log(arrayId, id, 'is gone');
      if (devices.length > 0) break; // a watch goes on until you leave it
    }
  },
  'inventory.ts vms': async (client) => {
    for await (const vm of client.inventory.vms({ computeId: 'east-compute' })) {
      console.log(vm.id, vm.power);
    }
  },
  'inventory.ts datastores': async (client) => {
    const inEast = { computeId: 'east-compute', recorded: true };
    for await (const datastore of client.inventory.datastores(inEast)) {
      console.log(datastore.name, datastore.mounted);
    }
  },
  'migrations.ts status': async (client) => {
    for (const { vmId, verdict, remedy } of await client.migrations.status('erp')) {
      console.log(vmId, verdict, remedy);
    }
  },
  'migrations.ts migrateStorage': async (client) => {
    const { runId } = await client.migrations.migrateStorage({
      computeId: 'compute-a',
      moves: [{ vmId: 'vm-1', toDatastoreId: 'ds-2' }],
      requester: 'me',
    });
    console.log(runId);
  },
  'migrations.ts resolveInstances': async (client) => {
    const request = { computeId: 'compute-b', vmIds: ['vm-1'] };
    for (const { vmId, outcome } of await client.migrations.resolveInstances(request)) {
      if (outcome?.$case === 'chosen') console.log(vmId, outcome.value.datastoreIds);
    }
  },
  'plans.ts create': async (client) => {
    const { etag } = await client.plans.create({
      id: 'shop',
      name: 'The web shop',
      protectedSiteId: 'east',
      recoverySiteId: 'west',
      protectionGroups: [{ id: 'data', groups: [{ arrayId: 'east-array', id: 'cg-1' }] }],
      policies: {
        'promote-target': {
          rules: [
            {
              kinds: [FaultKind.BUSY],
              action: { type: PolicyActionType.RERUN, attemptsMax: 5, delayMsMin: 500 },
            },
          ],
          otherwise: { type: PolicyActionType.ROLLBACK, reach: Reach.PROTECTION_GROUP },
        },
      },
    });
    console.log(etag);
  },
  'plans.ts get': async (client) => {
    const { plan, state } = await client.plans.get('erp');
    console.log(plan?.name, state);
  },
  'plans.ts list': async (client) => {
    for await (const { plan, state } of client.plans.list()) console.log(plan?.id, state);
  },
  'plans.ts update': async (client) => {
    const { plan, etag } = await client.plans.get('erp');
    await client.plans.update({ ...plan, name: 'ERP and its databases' }, etag);
  },
  'plans.ts delete': async (client) => {
    const { etag } = await client.plans.get('erp');
    await client.plans.delete('erp', etag);
  },
  'plans.ts validate': async (client) => {
    const { problems, warnings } = await client.plans.validate({ id: 'draft' });
    for (const { field, message } of [...problems, ...warnings]) console.log(field, message);
  },
  'plans.ts preview': async (client) => {
    const preview = await client.plans.preview('erp', Mode.PLANNED);
    console.log(preview.steps.map((step) => step.name));
    console.log(preview.workgroups.map(({ id, itemIds }) => `${id}: ${itemIds.join(' ')}`));
  },
  'repair.ts inspect': async (client) => {
    const { differences } = await client.repair.inspect('erp');
    for (const { objectId, found } of differences) console.log(objectId, found);
  },
  'repair.ts adopt': async (client) => {
    const { planId, digest } = await client.repair.inspect('erp');
    await client.repair.adopt({ planId, digest, requester: 'me', reason: 'moved by hand' });
  },
  'replication.ts sync': async (client) => {
    const { runId, results } = await client.replication.sync({
      arrayId: 'east-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      requester: 'me',
      requestKey: 'sync 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts querySync': async (client) => {
    const results = await client.replication.querySync({
      arrayId: 'east-array',
      targets: [{ id: 'cg-1' }],
    });
    for (const { targetId, outcome } of results) {
      if (outcome?.$case === 'status') console.log(targetId, outcome.value.state);
    }
  },
  'replication.ts prepareFailover': async (client) => {
    const { runId, results } = await client.replication.prepareFailover({
      arrayId: 'east-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      requester: 'me',
      requestKey: 'prepareFailover 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts failover': async (client) => {
    const { runId, results } = await client.replication.failover({
      arrayId: 'west-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      requester: 'me',
      requestKey: 'failover 4711',
      force: true,
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts testFailoverStart': async (client) => {
    const { runId, results } = await client.replication.testFailoverStart({
      arrayId: 'west-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      requester: 'me',
      requestKey: 'testFailoverStart 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts testFailoverStop': async (client) => {
    const { runId, results } = await client.replication.testFailoverStop({
      arrayId: 'west-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      requester: 'me',
      requestKey: 'testFailoverStop 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts reverse': async (client) => {
    const { runId, results } = await client.replication.reverse({
      arrayId: 'west-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      requester: 'me',
      requestKey: 'reverse 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts resync': async (client) => {
    const { runId, results } = await client.replication.resync({
      arrayId: 'west-array',
      targets: [{ id: 'cg-1' }],
      diverged: DivergedChoice.KEEP,
      requester: 'me',
      requestKey: 'resync 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts restore': async (client) => {
    const { runId, results } = await client.replication.restore({
      arrayId: 'east-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      requester: 'me',
      requestKey: 'restore 4711',
      directions: { 'dev-1': Direction.OUTGOING },
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts setSitePreference': async (client) => {
    const { runId, results } = await client.replication.setSitePreference({
      arrayId: 'east-array',
      targets: [{ id: 'cg-1' }, { id: 'cg-2' }],
      siteId: 'west',
      requester: 'me',
      requestKey: 'setSitePreference 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'replication.ts listSnapshots': async (client) => {
    const results = await client.replication.listSnapshots({ arrayId: 'east-array' });
    for (const { targetId, outcome } of results) {
      if (outcome?.$case === 'snapshots') console.log(targetId, outcome.value.snapshots);
    }
  },
  'replication.ts removeSnapshot': async (client) => {
    const { runId, results } = await client.replication.removeSnapshot({
      arrayId: 'east-array',
      targets: [{ id: 'cg-1' }],
      name: 'before-resync-1',
      requester: 'me',
      requestKey: 'removeSnapshot 4711',
    });
    for (const { targetId, outcome } of results) console.log(runId, targetId, outcome?.$case);
  },
  'runs.ts start': async (client) => {
    const { runId, existing } = await client.runs.start({
      planId: 'erp',
      mode: Mode.PLANNED,
      requester: 'me',
      requestKey: 'move of 3 May',
    });
    console.log(runId, existing);
  },
  'runs.ts get': async (client) => {
    const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
    const run = await client.runs.get(runId, { detail: RunDetail.BASIC });
    for (const step of run.steps) console.log(step.name, step.workgroupsDone);
  },
  'runs.ts list': async (client) => {
    for await (const run of client.runs.list({ openOnly: true })) {
      console.log(run.runId, run.planId, run.mode, run.status);
    }
  },
  'runs.ts watch': async (client) => {
    const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
    for await (const event of client.runs.watch(runId)) {
      console.log(event.cursor, event.type, event.workgroupId, event.step);
    }
  },
  'runs.ts watchPages': async (client) => {
    const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
    for await (const { events, progress } of client.runs.watchPages(runId)) {
      console.log(`${events.length} events`);
      for (const { itemId, fraction } of progress) console.log(itemId, `${fraction * 100} %`);
    }
  },
  'runs.ts resume': async (client) => {
    for await (const run of client.runs.list({ openOnly: true })) {
      if (run.status !== RunStatus.PARKED) continue;
      await client.runs.resume({ runId: run.runId, requester: 'me', decision: Decision.RETRY });
    }
  },
  'runs.ts cancel': async (client) => {
    const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
    await client.runs.cancel({ runId, requester: 'me', reason: 'wrong plan' });
  },
  'runs.ts report': async (client) => {
    const { runId } = await client.runs.start({ planId: 'erp', mode: Mode.TEST, requester: 'me' });
    await client.waitForRun(runId);
    const report = await client.runs.report(runId);
    console.log(report.recoveryTimeMs, report.dataLossMs, report.items.length);
  },
  'sites.ts declareLost': async (client) => {
    await client.sites.declareLost({ siteId: 'east', requester: 'me', reason: 'fire' });
    await client.runs.start({ planId: 'erp', mode: Mode.DISASTER, requester: 'me' });
  },
  'sites.ts checkLoss': async (client) => {
    for (const { message } of await client.sites.checkLoss('east')) console.log(message);
  },
  'sites.ts declareReachable': async (client) => {
    await client.sites.declareReachable({ siteId: 'east', requester: 'me', reason: 'rebuilt' });
  },
  'sites.ts recoveries': async (client) => {
    for (const { planId, state, nextActions } of await client.sites.recoveries()) {
      if (state === RecoveryState.REQUIRED) console.log(planId, nextActions[0]);
    }
  },
};
