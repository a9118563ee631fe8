import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startGateway, withPreparedData } from '../process.ts'
import { isMet } from '../requirement.ts'

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))

describe('without a terminal', () => {
  test('standard output is one stream of JSON without tokens', async () => {
    await withPreparedData(async (DATA_DIR) => {
      const gateway = await startGateway({ DATA_DIR })
      await fetch(`${gateway.url}/graphql?query={__typename}`)
      await gateway.stop('SIGTERM')
      const lines = gateway
        .output()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as { level: string; time: string; msg: string })
      expect(lines.map(({ msg }) => msg)).toEqual(expect.arrayContaining(['listening', 'request', 'stopping']))
      expect(lines.every(({ level }) => level === 'info')).toBe(true)
      expect(gateway.output()).not.toMatch(/\bey[\w-]+\./)
    })
  })

  test('lines that wait are written when the process crashes', async () => {
    const program = `
      const { createProcessLogger } = await import(${JSON.stringify(`${DIST}core/logger.js`)})
      const log = createProcessLogger('info')
      for (let index = 0; index < 1000; index += 1) log.info({ index }, 'line')
      throw new Error('crash')`
    const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) =>
      execFile(process.execPath, ['--input-type=module', '--eval', program], (error, output) =>
        resolve({ code: error?.code, stdout: output }),
      ),
    )
    expect(code).toBe(1)
    expect(stdout.trimEnd().split('\n')).toHaveLength(1000)
  })
})

test('a process whose output has lost its reader exits after it has flushed the log', async () => {
  const program = `
    const { createProcessLogger, flushLog } = await import(${JSON.stringify(`${DIST}core/logger.js`)})
    const log = createProcessLogger('info')
    for await (const _ of process.stdin);
    log.info('line')
    await flushLog(log)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const closed = once(child.stdout, 'close')
  child.stdout.destroy()
  await closed
  child.stdin.end()
  expect(await once(child, 'exit')).toEqual([0, null])
})

/** Runs a command on a pseudo terminal. */
const SCRIPT = spawnSync('script', ['--version']).status === 0

describe.runIf(isMet(SCRIPT, 'TERMINAL TESTS', 'the command script (apt-get install bsdutils)'))(
  'on a terminal',
  () => {
    test('the gateway also prints a welcome with its addresses and tokens', async () => {
      await withPreparedData(async (DATA_DIR) => {
        const command = `exec ${process.execPath} ${DIST}main.js`
        const terminal = execFile('script', ['-qfec', command, '/dev/null'], {
          env: { PATH: process.env['PATH'], PORT: '0', DATA_DIR },
        })
        let output = ''
        await new Promise<void>((resolve, reject) => {
          terminal.stdout?.on('data', (chunk: string) => {
            output += chunk
            // The log is written asynchronously, so either may come first.
            if (/^ {2}bob {2}ey\S+\r?\n/m.test(output) && /"msg":"listening"[^\n]*\n/.test(output)) resolve()
          })
          terminal.once('exit', (code) => reject(new Error(`exited with ${code}: ${output}`)))
        })
        const { url } = JSON.parse(output.split('\n').find((line) => line.includes('"msg":"listening"')) ?? '{}') as {
          url: string
        }
        for (const path of ['/graphql', '/im/api/v1/rtc/rooms', '/health/ready']) expect(output).toContain(url + path)
        const ended = new Promise((resolve) => terminal.once('exit', resolve))
        // Ctrl-C at the terminal.
        terminal.stdin?.write('\u0003')
        await ended
      })
    })
  },
)
