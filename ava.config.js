/**
 * Tests run on the compiled tree: what is tested is what ships. Files named in `_` folders are
 * helpers.
 */
export default {
  files: ['dist/test/**/*.test.js'],
  timeout: '120s',
  concurrency: 2,
  workerThreads: false,
};
