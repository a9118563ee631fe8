import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { build, createLogger } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readVolcengineToken, VOLCENGINE } from '../media/providers/volcengine.ts'
import { withWorld } from '../world.ts'
import { APPLICATION, examplesOf, snippetsOf } from './snippets.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const source = join(root, 'dist/sdk')

/** What holds examples of the SDK. */
const DOCUMENTS = [
  'README.md',
  'docs/sdk.md',
  ...['README.md', 'client.ts', 'errors.ts', 'rtc.ts'].map((file) => `src/sdk/${file}`),
]

const json = async (file: string) => JSON.parse(await readFile(file, 'utf8')) as Record<string, Record<string, string>>

describe('the package @openchat/sdk', () => {
  let app: string
  let tarball: Buffer
  let files: { path: string; size: number }[]

  beforeAll(async () => {
    app = await mkdtemp(join(tmpdir(), 'rtc-sdk-app-'))
    const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', app], { cwd: source })
    const [packed] = JSON.parse(stdout) as [
      { filename: string; files: typeof files; size: number; unpackedSize: number },
    ]
    files = packed.files
    tarball = await readFile(join(app, packed.filename))
    await writeFile(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }))
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', join(app, packed.filename)], {
      cwd: app,
    })
    console.log(`@openchat/sdk: ${(packed.size / 1024).toFixed(1)} kB packed`)
  }, 120_000)
  afterAll(() => rm(app, { recursive: true, force: true }))

  it('contains every module that it imports, and nothing of the server', async () => {
    const { dependencies = {}, peerDependencies = {} } = await json(join(source, 'package.json'))
    const allowed = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies)])
    const code = files.filter(({ path }) => path.endsWith('.js'))
    expect(code.length).toBeGreaterThan(10)
    for (const { path } of code) {
      const text = await readFile(join(source, path), 'utf8')
      const imports = [...text.matchAll(/(?:from|import\() ?['"]([^'"]+)['"]/g)].map(([, name = '']) => name)
      const foreign = imports
        .filter((name) => !name.startsWith('.'))
        .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name)
      expect(foreign.filter((name) => !allowed.has(name))).toEqual([])
      expect(imports.filter((name) => name.startsWith('..') && !/^\.\.\/[\w-]+\.js$/.test(name))).toEqual([])
    }
  })

  it('declares the tested versions of its dependencies', async () => {
    const ours = await json(join(root, 'package.json'))
    const versions = { ...ours['dependencies'], ...ours['devDependencies'] }
    const { dependencies = {}, peerDependencies = {} } = await json(join(source, 'package.json'))
    // Not installed: its dependencies are the tools of its build. Tests use a double of its API.
    const { wukongimjssdk, ...installed } = peerDependencies
    expect(wukongimjssdk).toBe('^1.0.4')
    for (const [name, range] of Object.entries({ ...dependencies, ...installed })) {
      expect([name, range.replace(/^\^/, '')]).toEqual([name, versions[name]?.replace(/^\^/, '')])
    }
  })

  it('passes publint', async () => {
    const { messages } = await publint({ pkgDir: source, strict: true })
    expect(messages).toEqual([])
  })

  it('passes arethetypeswrong, for import and require', async () => {
    const result = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)))
    if (!result.types) throw new Error('there are no types')
    expect(result.problems).toEqual([])
  })

  it('says what each of its exports is', async () => {
    const declarations = files.filter(({ path }) => path.endsWith('.d.ts') && !path.startsWith('generated/'))
    const texts = await Promise.all(declarations.map(({ path }) => readFile(join(source, path), 'utf8')))
    const index = await readFile(join(source, 'index.d.ts'), 'utf8')
    const wholes = await Promise.all(['model.d.ts', 'options.d.ts'].map((file) => readFile(join(source, file), 'utf8')))
    const names = [
      ...[...index.matchAll(/\{([^}]+)\}/g)].flatMap(([, list = '']) => list.split(',')),
      ...[...wholes.join('\n').matchAll(/export (?:declare )?\w+ (\w+)/g)].map(([, name = '']) => name),
    ].map((name) => name.replace('type ', '').trim())
    expect(names.length).toBeGreaterThan(40)
    const undocumented = names.filter(
      (name) => !texts.some((text) => new RegExp(`\\*/\\nexport (declare )?\\w+ ${name}\\b`).test(text)),
    )
    expect(undocumented).toEqual([])
  })

  it('runs in Node.js', async () => {
    await writeFile(
      join(app, 'node.js'),
      `import { OpenChatClient, DeviceFlag, RTCProviderType } from '@openchat/sdk'
       const client = new OpenChatClient({
         server: { baseUrl: 'http://127.0.0.1:9' },
         im: { wsUrl: 'ws://127.0.0.1:9', deviceFlag: DeviceFlag.WEB },
         auth: { uid: 'alice', token: 'none' },
       })
       client.rtc.on('incomingCall', () => {})
       await client.rtc.init({ provider: RTCProviderType.WEBRTC })
       await client.destroy()
       await client.rtc.getRoom('x').catch((error) => console.log(error.name, error.code))`,
    )
    expect((await run(process.execPath, ['node.js'], { cwd: app })).stdout).toBe('RtcError INVALID_STATE\n')
  })

  it('can be required from CommonJS, as Jest does', async () => {
    const code = `
      const { OpenChatClient, DeviceFlag, RTCProviderType } = require('@openchat/sdk')
      const client = new OpenChatClient({
        server: { baseUrl: 'http://127.0.0.1:9' },
        im: { wsUrl: 'ws://127.0.0.1:9', deviceFlag: DeviceFlag.WEB },
        auth: { uid: 'alice', token: 'none' },
      })
      client.rtc.on('incomingCall', () => {})
      client.rtc.init({ provider: RTCProviderType.LIVEKIT })
        .then(() => client.destroy())
        .then(() => client.rtc.getRoom('x'))
        .catch((error) => console.log(error.name, error.code))`
    await writeFile(join(app, 'required.cjs'), code)
    expect((await run(process.execPath, ['required.cjs'], { cwd: app })).stdout).toBe('RtcError INVALID_STATE\n')
  })

  it("runs the published document's code verbatim, except for the token and the address", () =>
    withWorld(
      async ({ url, person }) => {
        const user = await person('user-uid')
        const document = await readFile(join(root, 'test/clients/rtc-api.md'), 'utf8')
        const [, code = ''] = /```typescript\n([\s\S]*?)```/.exec(document) ?? []
        expect(code).toContain("auth: { uid: 'user-uid', token: 'user-token' }")
        await writeFile(
          join(app, 'document.js'),
          code.replace('http://localhost:3000', url).replace('user-token', user.token),
        )
        const script = fileURLToPath(new URL('volcengine-script.js', import.meta.url))
        const program = await run(process.execPath, ['--import', script, 'document.js'], { cwd: app })

        const { body } = await user.rest('GET', '/rooms')
        const [room] = body.rooms
        expect(room).toMatchObject({
          type: 'p2p',
          callerId: 'user-uid',
          calleeId: 'callee-uuid',
          provider: 'volcengine',
        })
        expect(room).toMatchObject({ status: 'ended', endReason: 'cancelled' })
        const asked = JSON.parse(program.stdout) as [string, ...unknown[]][]
        expect(asked.map(([verb]) => verb)).toEqual([
          'createEngine',
          'joinRoom',
          'startVideoCapture',
          'publishStream',
          'startAudioCapture',
          'publishStream',
          'stopVideoCapture',
          'stopAudioCapture',
          'leaveRoom',
        ])
        expect(asked[0]).toEqual(['createEngine', VOLCENGINE.appId])
        const [, token, roomId, userInfo] = asked[1] ?? []
        expect([roomId, userInfo]).toEqual([room.id, { userId: 'user-uid' }])
        expect(readVolcengineToken(String(token))).toMatchObject({
          roomId: room.id,
          userId: 'user-uid',
          mayPublish: true,
        })
        expect(program.stderr).toContain('appKey is not needed and never sent')
      },
      { env: { VOLCENGINE_APP_ID: VOLCENGINE.appId, VOLCENGINE_APP_KEY: VOLCENGINE.appKey } },
    ))

  it('has self-contained types that compile under the strictest options', async () => {
    await cp(join(root, 'test/sdk/types.ts'), join(app, 'types.ts'))
    await writeFile(join(app, 'application.d.ts'), APPLICATION)
    const snippets: string[] = []
    for (const document of DOCUMENTS) {
      const text = await readFile(join(root, document), 'utf8')
      const found = document.endsWith('.md') ? snippetsOf(text) : examplesOf(text)
      expect([document, found.length]).not.toEqual([document, 0])
      for (const [index, snippet] of found.entries()) {
        const file = `${document.replaceAll('/', '-')}-${index}.ts`
        await writeFile(join(app, file), snippet)
        snippets.push(file)
      }
    }
    const options = {
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
        target: 'es2022',
        module: 'esnext',
        moduleResolution: 'bundler',
        lib: ['es2022', 'dom', 'dom.iterable'],
        types: [],
      },
      files: ['types.ts', 'application.d.ts', ...snippets],
    }
    await writeFile(join(app, 'tsconfig.json'), JSON.stringify(options))
    const checked = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', app]).catch(
      (error: { stdout: string }) => error,
    )
    expect(checked.stdout).toBe('')
  }, 60_000)

  it.each([
    ['bundler', 'esnext', 'ts'],
    ['nodenext', 'nodenext', 'mts'],
    ['nodenext', 'nodenext', 'cts'],
  ])('has types that compile without lib.dom (%s, .%s, .%s)', async (moduleResolution, module, extension) => {
    const file = `plain.${extension}`
    const text = `
      import { OpenChatClient, type Room, type Track } from '@openchat/sdk'
      export const join = (client: OpenChatClient, id: string): Promise<Room> => client.rtc.joinRoom(id)
      export const kindOf = (track: Track): string => track.mediaStreamTrack.kind`
    await writeFile(join(app, file), text)
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      target: 'es2022',
      module,
      moduleResolution,
      lib: ['es2022'],
      types: [],
    }
    await writeFile(join(app, 'tsconfig.plain.json'), JSON.stringify({ compilerOptions, files: [file] }))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const checked = await run(process.execPath, [tsc, '-p', join(app, 'tsconfig.plain.json')]).catch(
      (error: { stdout: string }) => error,
    )
    expect(checked.stdout).toBe('')
  })

  it('has a small browser bundle', async () => {
    const warnings: string[] = []
    await mkdir(join(app, 'src'))
    await writeFile(join(app, 'src/main.js'), `export { OpenChatClient } from '@openchat/sdk'`)
    const built = await build({
      root: app,
      configFile: false,
      customLogger: { ...createLogger('silent'), warn: (message) => warnings.push(message) },
      build: { write: false, lib: { entry: 'src/main.js', formats: ['es'] }, minify: 'oxc' },
    })
    const [{ output }] = (Array.isArray(built) ? built : [built]) as [{ output: { fileName: string; code?: string }[] }]
    const chunks = output.map(({ fileName, code = '' }) => [fileName, gzipSync(code).length] as const)
    const total = chunks.reduce((sum, [, size]) => sum + size, 0)
    console.log(`@openchat/sdk: ${(total / 1024).toFixed(1)} kB gzipped in a browser, all providers' parts included`)
    // Vendors' SDKs are external, installed or not.
    expect(warnings).toEqual([])
    // A vendor's SDK, or server code, would be ten times as large.
    expect(total).toBeLessThan(40 * 1024)
  }, 60_000)
})
