import { fuzzDoors } from './doors.ts'

fuzzDoors(150)
