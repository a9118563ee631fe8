import { expect, test } from 'vitest'
import { MEDIA_PROVIDERS } from '../../src/core/media-provider.ts'
import { RTCProviderType } from '../../src/sdk/index.ts'

test('RTCProviderType has every provider of the gateway', () => {
  expect(Object.values(RTCProviderType).toSorted()).toEqual(MEDIA_PROVIDERS.toSorted())
})
