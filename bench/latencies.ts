/** How long looks at VMs take at real systems: half of them 20 ms at the most, few up to 2 s. */
const medianMs = 20;
const tailMs = 2_000;
/** So steep that one call in a hundred takes half a second or more. */
const steepness = 16;

/** `draw`: from 0 up to 1. */
export const tailedMs = (draw: number): number =>
  draw < 0.5
    ? medianMs * (0.5 + draw)
    : medianMs * (tailMs / medianMs) ** ((2 * draw - 1) ** steepness);
