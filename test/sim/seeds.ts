/** Seeds that found something, with what it was. They are run by every `npm test`, for ever. */
export const seedsKept: readonly { readonly seed: number; readonly found: string }[] = [];
