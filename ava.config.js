/**
 * Tests run on the compiled tree: what is tested is what ships. Files named in `_` folders are
 * helpers. What needs a server of somebody else's is in `test/real` (ava.real.config.js). One file
 * more at a time than the smallest machine has processors: many tests wait for something.
 */
export default {
  files: ['dist/test/**/*.test.js', '!dist/test/real/**'],
  timeout: '120s',
  concurrency: 3,
  workerThreads: false,
};
