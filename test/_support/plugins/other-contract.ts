/** A plugin made for a contract that this daemon does not speak. */
export default {
  name: 'from-the-future',
  version: '9.0.0',
  contract: 2,
  config: {},
  verbs: { teleport: () => [] },
};
