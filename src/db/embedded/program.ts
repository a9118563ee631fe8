import { spawn } from 'node:child_process'
import type { Launcher } from './launcher.ts'

export interface ProgramOutcome {
  readonly ok: boolean
  /** The program's standard error, or the reason why it could not be started. */
  readonly output: string
}

/** Runs a program until it exits. Resolves also if it cannot be started. */
export function runProgram(
  launcher: Launcher,
  program: { binary: string; args: readonly string[]; cwd: string },
): Promise<ProgramOutcome> {
  return new Promise((resolve) => {
    const [file, args, options] = launcher.command(program.binary, program.args)
    const child = spawn(file, args, { ...options, cwd: program.cwd, stdio: ['ignore', 'ignore', 'pipe'] })
    let output = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('error', (error) => resolve({ ok: false, output: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
  })
}
