/** The thread of a bare Piscina: reads the VMs, answers each. */
export interface BareJob {
  /** JSON of the VMs. */
  readonly items: string;
}

export const answer = ({ items }: BareJob): string => {
  const vms = JSON.parse(items) as readonly { readonly id: string }[];
  return JSON.stringify({ done: `0-${vms.length - 1}`, answered: vms.map(({ id }) => id).length });
};
