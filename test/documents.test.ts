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

/** The anchors of a document's headings, as GitHub makes them. */
const anchorsOf = async (path: string): Promise<string[]> =>
  [...(await readFile(join(root, path), 'utf8')).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )

describe.each(documents)('%s', (path) => {
  test('links to files that exist', async () => {
    const text = await readFile(join(root, path), 'utf8')
    const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)].map(([, target = '']) => target)
    expect(links.filter((target) => !existsSync(join(root, dirname(path), target)))).toEqual([])
  })

  test('links to headings that exist', async () => {
    const links = [...(await readFile(join(root, path), 'utf8')).matchAll(/\]\(((?!https?:|mailto:)[^)#]*)#([^)]+)\)/g)]
    const missing: string[] = []
    for (const [, target, heading = ''] of links) {
      const file = target ? join(dirname(path), target) : path
      if (!(await anchorsOf(file)).includes(heading)) missing.push(`${file}#${heading}`)
    }
    expect(missing).toEqual([])
  })

  test('names files of the project that exist', async () => {
    const text = await readFile(join(root, path), 'utf8')
    const named = [...text.matchAll(/`((?:src|test|prisma|bench|docs)\/[\w./-]+)`/g)].map(([, name = '']) => name)
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([])
  })
})
