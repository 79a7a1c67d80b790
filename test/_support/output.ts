/** Takes out of a program's output what differs from run to run, and keeps the rest as it is. */
export const steady = (output: string): string =>
  output
    .replace(/\b[0-9a-f]{32}\b/g, 'RUN')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'DATE TIME')
    .replace(/\b\d\d:\d\d:\d\d\b/g, 'HH:MM:SS')
    .replace(/\b[\d.]+ s( ago)?\b/g, 'N s$1')
    // Columns are as wide as what stood in them.
    .replace(/ {3,}/g, '  ');
