/** ClusterService: the members that share a journal. */
import { ClusterServiceService, type Member } from '../../proto/gen/siteswap/v1/cluster.ts';
import type { Engine, MemberState } from '../runner/service.ts';
import type { Calls, Service } from './calls.ts';
import { Problems } from './check.ts';

const memberTo = (member: MemberState): Member => ({
  id: member.id,
  siteId: member.site,
  addresses: [...member.addresses],
  alive: member.live,
  draining: member.draining,
  leaseLeftMs: Math.round(member.leaseLeftMs),
  joined: new Date(member.sinceMs),
  runs: member.owned,
  lag: member.lag,
  ownedRuns: member.licences.map(({ stream, epoch }) => ({ runId: stream, epoch })),
});

export const clusterService = (engine: Engine, calls: Calls): Service =>
  calls.service(ClusterServiceService, {
    listMembers: async () => ({ members: (await engine.listMembers()).map(memberTo) }),
    drainMember: async ({ memberId }) => {
      const problems = new Problems();
      problems.text('memberId', memberId);
      problems.end(memberId);
      await engine.drainMember(memberId);
      return {};
    },
  });
