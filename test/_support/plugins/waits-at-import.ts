/** A plugin whose module waits for ever at its top level, with its thread in order. */
await new Promise(() => {});
