// Imports point one way (ARCHITECTURE.md). These rules hold it; test/architecture runs them.

/** Rooms of core, each with what it may import of core. */
const CORE = {
  hashing: [],
  protocol: ['hashing'],
  numerics: ['hashing', 'protocol'],
  onnx: ['hashing', 'protocol', 'numerics'],
  trace: ['hashing', 'protocol', 'numerics', 'onnx'],
  dispute: ['hashing', 'protocol', 'numerics', 'onnx', 'trace'],
};
/** Libraries that core may use: calculations, no clients. */
const PURE_PACKAGES = ['viem', 'zod', '@noble/hashes', '@openzeppelin/merkle-tree', '@chainsafe/hashtree', '@bufbuild/protobuf', 'cborg'];

const TESTS = '(\\.test\\.ts$|\\.fixture\\.ts$|/fixtures?/)';
const packages = (names) => `node_modules/(${names.join('|')})/`;

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'core-imports-core-only', severity: 'error', from: { path: '^libs/core/', pathNot: TESTS }, to: { pathNot: ['^libs/core/', packages(PURE_PACKAGES)] } },
    ...Object.entries(CORE).map(([room, below]) => ({
      name: `core-${room}-imports-what-is-below`,
      severity: 'error',
      from: { path: `^libs/core/${room}/`, pathNot: TESTS },
      to: { path: '^libs/core/', pathNot: `^libs/core/(${[room, ...below].join('|')})/` },
    })),
    { name: 'io-rooms-do-not-import-each-other', severity: 'error', from: { path: '^libs/io/([^/]+)/', pathNot: TESTS }, to: { path: '^libs/io/', pathNot: '^libs/io/$1/' } },
    { name: 'apps-do-not-import-each-other', severity: 'error', from: { path: '^apps/([^/]+)/' }, to: { path: '^apps/', pathNot: '^apps/$1/' } },
    { name: 'libs-do-not-import-apps', severity: 'error', from: { path: '^libs/' }, to: { path: '^apps/' } },
    { name: 'player-knows-no-io', severity: 'error', from: { path: '^libs/player/', pathNot: TESTS }, to: { path: '^libs/(io|participant|platform|sdk|testing)/' } },
    { name: 'platform-and-io-know-no-player', severity: 'error', from: { path: '^libs/(io|platform)/', pathNot: TESTS }, to: { path: '^libs/(participant|player|sdk|testing)/' } },
    { name: 'processes-do-not-import-testing', severity: 'error', from: { path: '^apps/(coordinator|executor|challenger|gateway)/', pathNot: TESTS }, to: { path: '^libs/testing/' } },
    { name: 'rooms-are-entered-by-their-index', severity: 'error', from: { path: '^(apps|libs/(?:core|io)/[^/]+|libs/[^/]+)/', pathNot: TESTS }, to: { path: '^libs/(core|io)/[^/]+/', pathNot: ['^libs/(core|io)/[^/]+/index\\.ts$', '^$1/'] } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { conditionNames: ['source', 'import', 'require', 'node', 'default', 'types'], exportsFields: ['exports'] },
  },
};
