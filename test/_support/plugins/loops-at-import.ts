/** A plugin whose module never ends loading. */
for (;;);
