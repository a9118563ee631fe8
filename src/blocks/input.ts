import { z } from 'zod'
import { UserId } from '../rooms/input.ts'

/** The user whom a block is about. */
export const OtherUser = z.strictObject({ userId: UserId })
