import { z } from 'zod'
import { UserId } from '../rooms/input.ts'

/** The user to block or unblock. */
export const OtherUser = z.strictObject({ userId: UserId })
