import { readFile } from 'node:fs/promises'

export interface Instruction {
  readonly keyword: string
  readonly text: string
}

/** One `FROM` and the instructions up to the next one. */
export interface Stage {
  readonly name: string | undefined
  readonly instructions: readonly Instruction[]
}

/** Reads a Dockerfile: https://docs.docker.com/reference/dockerfile/ */
export async function readDockerfile(path: string): Promise<Stage[]> {
  const text = await readFile(path, 'utf8')
  const lines = text
    .replaceAll(/^\s*#.*$/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim())
  const stages: { name: string | undefined; instructions: Instruction[] }[] = []
  for (const line of lines) {
    const [, keyword = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    if (keyword === 'FROM') stages.push({ name: /\bAS (\w+)$/i.exec(rest)?.[1], instructions: [] })
    else stages.at(-1)?.instructions.push({ keyword, text: rest.trim() })
  }
  return stages
}

/** Whether a path of the context is excluded: https://docs.docker.com/build/concepts/context/#dockerignore-files */
export async function readDockerignore(path: string): Promise<(file: string) => boolean> {
  const patterns = (await readFile(path, 'utf8')).split('\n').filter((line) => line.trim() && !line.startsWith('#'))
  const expressions = patterns.map((pattern) => {
    const anywhere = pattern.startsWith('**/')
    const name = pattern.replace(/^\*\*\//, '').replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
    return new RegExp(`^${anywhere ? '(.*/)?' : ''}${name.replaceAll('*', '[^/]*')}(/|$)`)
  })
  return (file) => expressions.some((expression) => expression.test(file))
}
