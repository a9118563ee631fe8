import { fuzzApi } from './doors.ts'

fuzzApi(150)
