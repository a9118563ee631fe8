import type { Gateway } from './gateway.ts'
import { BlockedUsersDocument, BlockUserDocument, UnblockUserDocument } from './generated/graphql.ts'
import { checkText } from './inputs.ts'

/** The user's block list, which the gateway stores: calls of a blocked user do not ring. */
export class BlockedUsers {
  readonly #gateway: Gateway

  constructor(gateway: Gateway) {
    this.#gateway = gateway
  }

  async add(userId: string): Promise<void> {
    checkText('userId', userId)
    await this.#gateway.request(BlockUserDocument, { input: { userId } })
  }

  async remove(userId: string): Promise<void> {
    checkText('userId', userId)
    await this.#gateway.request(UnblockUserDocument, { input: { userId } })
  }

  async list(): Promise<string[]> {
    const { blockedUsers } = await this.#gateway.request(BlockedUsersDocument, {})
    return blockedUsers.map(({ userId }) => userId)
  }
}
