import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { createTestDatabase } from './database.ts'
import { startGateway, withDirectory } from './process.ts'
import { SECRET } from './world.ts'

const ROOT = new URL('..', import.meta.url).href

/** The files that a process has loaded, relative to the project, from V8's report of coverage. */
async function loadedFiles(reports: string): Promise<string[]> {
  const files = new Set<string>()
  for (const name of await readdir(reports)) {
    const { result } = JSON.parse(await readFile(join(reports, name), 'utf8')) as { result: { url: string }[] }
    for (const { url } of result) if (url.startsWith('file:')) files.add(url.replace(ROOT, ''))
  }
  return [...files]
}

test('a start with DATABASE_URL loads a few bundled files, and no package', async () => {
  const database = await createTestDatabase()
  try {
    await withDirectory(async (reports) => {
      const env = {
        DATABASE_URL: database.url,
        JWT_SECRET: SECRET,
        METRICS_TOKEN: 'a-token-of-metrics',
        NODE_V8_COVERAGE: reports,
      }
      const { url, stop } = await startGateway(env)
      expect((await fetch(`${url}/health/ready`)).status).toBe(200)
      expect(await stop('SIGTERM')).toBe(0)
      const files = await loadedFiles(reports)
      expect(files).toEqual(expect.arrayContaining(['dist/main.js', 'dist/cli/cli.js', 'dist/bundle/start.js']))
      // In particular neither providers' SDKs nor the query compiler of Prisma.
      expect(files.filter((file) => !file.startsWith('dist/'))).toEqual([])
      expect(files.length).toBeLessThan(20)
    })
  } finally {
    await database.drop()
  }
})

test('the bundle has a map to the sources for every file', async () => {
  const bundle = fileURLToPath(new URL('../dist/bundle', import.meta.url))
  const files = await readdir(bundle)
  const maps = new Set(files.filter((name) => name.endsWith('.map')))
  // The run-time of the bundler has no source.
  const scripts = files.filter((name) => name.endsWith('.js') && name !== 'rolldown-runtime.js')
  expect(scripts.filter((name) => !maps.has(`${name}.map`))).toEqual([])
  const { sources } = JSON.parse(await readFile(join(bundle, 'start.js.map'), 'utf8')) as { sources: string[] }
  expect(sources).toContain('../../src/cli/start.ts')
})
