import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { HostDouble } from './host.ts'

const VENDORS = [
  {
    provider: 'volcengine',
    packageName: '@volcengine/rtc',
    globalName: 'VERTC',
    loader: 'volcengineSdk',
    marker: 'createEngine',
  },
  {
    provider: 'livekit',
    packageName: 'livekit-client',
    globalName: 'LivekitClient',
    loader: 'livekitSdk',
    marker: 'Room',
  },
  {
    provider: 'agora',
    packageName: 'agora-rtc-sdk-ng',
    globalName: 'AgoraRTC',
    loader: 'agoraSdk',
    marker: 'createClient',
  },
] as const

beforeEach(() => void vi.resetModules())
afterEach(() => {
  for (const { packageName } of VENDORS) vi.doUnmock(packageName)
  vi.unstubAllGlobals()
})

const vendor = (): Promise<typeof import('../../../src/sdk/media/vendor.ts')> =>
  import('../../../src/sdk/media/vendor.ts')

/** Simulates a package that is not installed. */
function uninstall(packageName: string): void {
  vi.doMock(packageName, () => {
    throw new Error(`Cannot find package '${packageName}'`)
  })
}

describe.each(VENDORS)('the web SDK of $provider', ({ packageName, globalName, loader, marker }) => {
  test('is PROVIDER_SDK_MISSING with the package to install, if it is missing', async () => {
    uninstall(packageName)
    await expect((await vendor())[loader]()).rejects.toMatchObject({
      code: 'PROVIDER_SDK_MISSING',
      cause: expect.any(Error),
    })
    await expect((await vendor())[loader]()).rejects.toThrow(packageName)
    await expect((await vendor())[loader]()).rejects.toThrow(globalName)
  })

  test('comes from the script tag if the package is not installed', async () => {
    uninstall(packageName)
    const sdk = { [marker]: () => undefined }
    vi.stubGlobal(globalName, sdk)
    expect(await (await vendor())[loader]()).toBe(sdk)
  })

  test('comes from the installed package rather than the script tag', async () => {
    const sdk = { [marker]: () => undefined }
    vi.doMock(packageName, () => ({ default: sdk, [marker]: undefined }))
    vi.stubGlobal(globalName, { [marker]: () => undefined })
    expect(await (await vendor())[loader]()).toBe(sdk)
  })

  test('is found however deep a bundler nests the CommonJS exports', async () => {
    const sdk = { [marker]: () => undefined }
    vi.doMock(packageName, () => ({ default: { default: sdk }, [marker]: undefined }))
    expect(await (await vendor())[loader]()).toBe(sdk)
  })

  test('is missing if the global is something else', async () => {
    uninstall(packageName)
    vi.stubGlobal(globalName, { version: '1' })
    await expect((await vendor())[loader]()).rejects.toMatchObject({ code: 'PROVIDER_SDK_MISSING' })
  })
})

test('no vendor SDK is imported before a room of that vendor is joined', async () => {
  const imported: string[] = []
  for (const { packageName, marker } of VENDORS) {
    vi.doMock(packageName, () => {
      imported.push(packageName)
      return { default: {}, [marker]: undefined }
    })
  }
  await import('../../../src/sdk/media/volcengine.ts')
  await import('../../../src/sdk/media/livekit.ts')
  await import('../../../src/sdk/media/agora.ts')
  expect(imported).toEqual([])
})

describe('the real package is NOT_SUPPORTED in Node.js', () => {
  const connection = { appId: 'a'.repeat(24), url: 'ws://127.0.0.1:9', token: 'token-1' }

  test('volcengine', async () => {
    const { openVolcengine } = await import('../../../src/sdk/media/volcengine.ts')
    const opening = openVolcengine(new HostDouble({ provider: 'volcengine', ...connection }))
    await expect(opening).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('livekit', async () => {
    const { openLivekit } = await import('../../../src/sdk/media/livekit.ts')
    const opening = openLivekit(new HostDouble({ provider: 'livekit', ...connection }))
    await expect(opening).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
  })

  test('agora, which needs a window when imported', async () => {
    const { openAgora } = await import('../../../src/sdk/media/agora.ts')
    const opening = openAgora(new HostDouble({ provider: 'agora', ...connection }))
    await expect(opening).rejects.toMatchObject({ code: 'NOT_SUPPORTED', cause: expect.any(ReferenceError) })
  })
})
