import { checkModel } from './model-check/stories.ts'

/** `MODEL_COMMANDS=1000000 TEST_SEED=7 npx vitest run test/rooms/model-check.long` */
checkModel(Number(process.env['MODEL_COMMANDS'] ?? 100_000))
