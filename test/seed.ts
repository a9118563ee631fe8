/**
 * Seed of the property-based tests. A suite that decides whether a change may land repeats itself; longer runs explore
 * with a seed of their own: `TEST_SEED=7 FUZZ_RUNS=20000 npx vitest run test/fuzz/fuzz.long`.
 */
export const SEED = Number(process.env['TEST_SEED'] ?? 20_261_128)
