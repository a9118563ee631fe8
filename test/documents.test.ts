import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const { stdout } = await promisify(execFile)(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'],
  {
    cwd: root,
  },
)
const documents = stdout.split('\n').filter((path) => path && !path.startsWith('test/'))

describe.each(documents)('%s', (path) => {
  test('links to files that exist', async () => {
    const text = await readFile(join(root, path), 'utf8')
    const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)].map(([, target = '']) => target)
    expect(links.filter((target) => !existsSync(join(root, dirname(path), target)))).toEqual([])
  })

  test('names files of the project that exist', async () => {
    const text = await readFile(join(root, path), 'utf8')
    const named = [...text.matchAll(/`((?:src|test|prisma|bench|docs)\/[\w./-]+)`/g)].map(([, name = '']) => name)
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([])
  })
})
