import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: {
    // graphql 16 ships two copies of itself: without this, tests would load the one that Node does not.
    alias: [
      { find: /^graphql$/, replacement: 'graphql/index.js' },
      // Applications import the package by its name.
      { find: '@openchat/sdk', replacement: fileURLToPath(new URL('src/sdk/index.ts', import.meta.url)) },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    // Processes and databases are started within, on machines that do other things, too.
    testTimeout: 40_000,
    hookTimeout: 60_000,
    // Instead of one second.
    expect: { poll: { timeout: 15_000 } },
  },
})
