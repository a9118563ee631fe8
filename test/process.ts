import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { developmentSecret, mintToken } from '../src/auth/development.ts'
import type { Network } from './network.ts'
import { copyPreparedData, makeDirectory } from './scratch.ts'

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** The built gateway in its own process, as run by `npm start`. */
export interface Gateway {
  readonly process: ChildProcess
  /** Its output so far. */
  output(): string
  /** `http://host:port`, from its log. */
  readonly url: string
  /** Development tokens by user; empty if a key is configured. */
  readonly tokens: Readonly<Record<string, string>>
  /** Sends a signal and waits for the exit; returns the exit code. */
  stop(signal: NodeJS.Signals): Promise<number | null>
}

/** Starts the gateway, in the given network if any; resolves when it has printed its address. */
export async function startGateway(
  env: Record<string, string>,
  options: { readonly network?: Network | undefined } = {},
): Promise<Gateway> {
  const child = spawnGateway(env, options)
  let output = ''
  const exited = once(child, 'exit')
  const welcomed = new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (listeningLine(output)) resolve()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.once('exit', (code) => reject(new Error(`the gateway exited with ${code}:\n${output}`)))
  })
  await welcomed
  const { url = '', development = false } = listeningLine(output) ?? {}
  return {
    process: child,
    output: () => output,
    url,
    tokens: development ? await developmentTokens(env['DATA_DIR'] ?? '.data') : {},
    async stop(signal) {
      child.kill(signal)
      const [code] = (await exited) as [number | null]
      return code
    },
  }
}

/** The line of the log that reports the address. */
function listeningLine(output: string): { readonly url: string; readonly development: boolean } | undefined {
  const line = output.split('\n').find((text) => text.startsWith('{') && text.endsWith('"msg":"listening"}'))
  return line === undefined ? undefined : (JSON.parse(line) as { url: string; development: boolean })
}

async function developmentTokens(dataDir: string): Promise<Record<string, string>> {
  const secret = await developmentSecret(dataDir)
  const tokenOf = (userId: string) => mintToken({ secret, userId, ttl: 3600, now: new Date() })
  return { alice: await tokenOf('alice'), bob: await tokenOf('bob') }
}

/** A gateway process that may fail to start. */
export interface Launch {
  readonly process: ChildProcess
  /** Resolves when its output, on either stream, matches the pattern. */
  printed(pattern: RegExp): Promise<void>
  /** Resolves with the exit code. */
  readonly exited: Promise<number | null>
  /** Its output so far, on both streams. */
  output(): string
}

/**
 * Starts the gateway without waiting for it.
 *
 * @param options.main the program. @default this build
 */
export function launchGateway(env: Record<string, string>, options: { readonly main?: string } = {}): Launch {
  const child = spawnGateway(env, options)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      child.emit('printed')
    })
  }
  const exited = once(child, 'exit').then(([code]) => code as number | null)
  return {
    process: child,
    exited,
    output: () => output,
    async printed(pattern) {
      while (!pattern.test(output)) {
        const next = once(child, 'printed')
        const ended = exited.then((code) => Promise.reject(new Error(`the gateway exited with ${code}:\n${output}`)))
        await Promise.race([next, ended])
      }
    },
  }
}

export interface Exit {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the gateway until it exits. */
export const runGateway = (env: Record<string, string>): Promise<Exit> => untilExit(spawnGateway(env))

/** Runs a command of `rtc-gateway` until it exits. */
export const runCommand = (
  argv: readonly string[],
  env: Record<string, string> = {},
  network?: Network,
): Promise<Exit> => untilExit(spawnGateway(env, { argv, network }))

async function untilExit(child: ChildProcess): Promise<Exit> {
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (chunk: Buffer) => {
      output[stream] += chunk.toString()
    })
  }
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...output }
}

function spawnGateway(
  env: Record<string, string>,
  { network, argv = [], main = MAIN }: { network?: Network | undefined; argv?: readonly string[]; main?: string } = {},
): ChildProcess {
  const { PATH = '', HOME = '' } = process.env
  const options: SpawnOptions = { env: { PATH, HOME, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'pipe'] }
  const args = [main, ...argv]
  return network ? network.spawn(process.execPath, args, options) : spawn(process.execPath, args, options)
}

/** An empty directory, removed after the work. */
export async function withDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await makeDirectory('gateway')
  try {
    return await work(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** A data directory with a prepared database, removed after the work. */
export const withPreparedData = <T>(work: (dataDir: string) => Promise<T>): Promise<T> =>
  withDirectory(async (dataDir) => {
    await copyPreparedData(dataDir)
    return await work(dataDir)
  })
