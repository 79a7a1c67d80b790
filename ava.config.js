/**
 * Tests run on the compiled tree: what is tested is what ships. Files named in `_` folders are
 * helpers. What needs a server of somebody else's is in `test/real` (ava.real.config.js).
 */
export default {
  files: ['dist/test/**/*.test.js', '!dist/test/real/**'],
  timeout: '120s',
  concurrency: 2,
  workerThreads: false,
};
