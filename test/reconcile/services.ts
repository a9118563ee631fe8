import type { MediaService } from '../../src/media/providers.ts'
import { ACCOUNTS } from '../media/accounts.ts'
import { controlEnv, MediaServiceDouble } from '../media/control/services.ts'
import { HOOK_KEYS, type Report, signed, type SignedHook } from '../media/hooks/signed.ts'
import { type Person, withWorld, type World, type WorldOptions } from '../world.ts'

/** A gateway whose rooms are at one media service, which reports to it and is controlled by it. */
export interface ServiceWorld extends World {
  readonly service: MediaService
  readonly double: MediaServiceDouble
  /** A group of alice's at the service, that these people have joined; alice has not. */
  group(...people: readonly Person[]): Promise<string>
  /** The user as the service knows them. */
  mediaIdOf(roomId: string, person: Person): Promise<string>
  /** Sends the report, signed by the service. */
  report(report: Report, sentAt?: Date): Promise<Response>
  post(hook: SignedHook): Promise<Response>
  participant(roomId: string, person: Person): Promise<Record<string, unknown>>
}

export const serviceEnv = (service: MediaService, double: MediaServiceDouble): Record<string, string> => ({
  ...ACCOUNTS,
  ...HOOK_KEYS[service],
  ...controlEnv(service, double),
  DEFAULT_PROVIDER: service,
})

export async function withService(
  service: MediaService,
  work: (world: ServiceWorld) => Promise<unknown>,
  { env, ...options }: WorldOptions = {},
): Promise<void> {
  const double = await MediaServiceDouble.start(service)
  try {
    await withWorld((world) => work(serviceWorld(world, service, double)), {
      ...options,
      env: { ...serviceEnv(service, double), ...env },
    })
  } finally {
    await double.close()
  }
}

function serviceWorld(world: World, service: MediaService, double: MediaServiceDouble): ServiceWorld {
  const participant = async (roomId: string, person: Person) => {
    const { body } = await world.alice.rest('GET', `/rooms/${roomId}/participants`)
    return body.find(({ userId }: { userId: string }) => userId === person.id)
  }
  const post = ({ headers, body }: SignedHook) =>
    fetch(`${world.url}/webhooks/${service}`, { method: 'POST', headers, body })
  return {
    ...world,
    service,
    double,
    async group(...people) {
      const participantIds = ['bob', 'carol']
      const { body } = await world.alice.rest('POST', '/rooms', { type: 'group', participantIds })
      for (const person of people) await person.rest('POST', `/rooms/${body.id}/join`)
      return body.id
    },
    async mediaIdOf(roomId, person) {
      return service === 'agora' ? String((await participant(roomId, person))['uid']) : person.id
    },
    report: async (report, sentAt) => post(await signed(service, report, sentAt)),
    post,
    participant,
  }
}
