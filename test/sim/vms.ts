/** The VMs of a simulated world: enough for workgroups, priorities and neighbours. */
export const vmsTotal = 20;

/** As the lab names them, from 1. */
export const vmId = (number: number): string => `vm-${String(number).padStart(5, '0')}`;
