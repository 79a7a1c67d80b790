/**
 * Messages as JSON for programs: the contract's field names in camelCase, enums by their names,
 * moments in ISO 8601. Stable as long as the contract is.
 */

const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plain);
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (isChoice(field)) fields[field.$case] = plain(field.value);
    else if (field !== undefined) fields[name] = plain(field);
  }
  return fields;
};

/** A `oneof` of the generated code: in JSON its chosen field stands in its place. */
const isChoice = (value: unknown): value is { $case: string; value: unknown } =>
  typeof value === 'object' && value !== null && '$case' in value;

/** One document, for people who pipe it into a program. */
export const jsonDocument = (value: unknown): string => JSON.stringify(plain(value), null, 2);

/** One line of a stream. */
export const jsonLine = (value: unknown): string => JSON.stringify(plain(value));
