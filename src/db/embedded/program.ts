import { spawn } from 'node:child_process'
import type { Launcher } from './launcher.ts'

export interface ProgramOutcome {
  readonly ok: boolean
  /** What the program wrote to standard error. */
  readonly said: string
}

/** Runs a program to its end. A program that cannot be started at all is an outcome like any other. */
export function runProgram(
  launcher: Launcher,
  program: { binary: string; args: readonly string[]; cwd: string },
): Promise<ProgramOutcome> {
  return new Promise((resolve) => {
    const [file, args, options] = launcher.command(program.binary, program.args)
    const child = spawn(file, args, { ...options, cwd: program.cwd, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', (error) => resolve({ ok: false, said: error.message }))
    child.on('close', (code) => resolve({ ok: code === 0, said }))
  })
}
