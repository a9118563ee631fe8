import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'

/** Tests that take long: crowds, every fault, long waits in real browsers. */
const LONG = 'test/**/*.long.test.ts'
/** Further files to leave out, as a glob; `--exclude` does not reach a project that has exclusions of its own. */
const EXCLUDED = process.env['TEST_EXCLUDE']
/** Resets the modules of its worker, where other files must not find the gateway loaded twice. */
const RESETS_MODULES = 'test/sdk/media/vendor.test.ts'
/** Replaces modules by counting ones, before the gateway is loaded. */
const REPLACES_MODULES = 'test/hot-paths.test.ts'

interface TestFiles {
  readonly include: string[]
  readonly exclude?: string[]
  readonly isolate?: boolean
}

const project = (name: string, files: TestFiles): TestProjectInlineConfiguration => ({
  resolve: {
    // graphql 16 ships two copies of itself: without this, tests would load the one that Node does not.
    alias: [
      { find: /^graphql$/, replacement: 'graphql/index.js' },
      // Applications import the package by its name.
      { find: '@openchat/sdk', replacement: fileURLToPath(new URL('src/sdk/index.ts', import.meta.url)) },
    ],
  },
  test: {
    name,
    // Files of a worker share its modules: loading the gateway for each would take as long as the tests.
    isolate: false,
    ...files,
    // Processes and databases are started within, on machines that do other things, too.
    testTimeout: 40_000,
    hookTimeout: 60_000,
    // Instead of one second.
    expect: { poll: { timeout: 15_000 } },
  },
})

export default defineConfig({
  test: {
    // Once for all projects.
    globalSetup: ['test/global-setup.ts'],
    // Many tests wait more than they work.
    maxWorkers: availableParallelism() + 1,
    projects: [
      project('quick', {
        include: ['test/**/*.test.ts'],
        exclude: [LONG, RESETS_MODULES, REPLACES_MODULES, ...(EXCLUDED ? [EXCLUDED] : [])],
      }),
      project('isolated', { include: [RESETS_MODULES, REPLACES_MODULES], isolate: true }),
      project('long', { include: [LONG] }),
    ],
  },
})
