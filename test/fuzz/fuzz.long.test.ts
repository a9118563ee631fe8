import { fuzzApi } from './doors.ts'

/** `FUZZ_RUNS=20000 npx vitest run test/fuzz/fuzz.long`; `TEST_SEED` chooses the requests. */
fuzzApi(Number(process.env['FUZZ_RUNS'] ?? 1_500))
