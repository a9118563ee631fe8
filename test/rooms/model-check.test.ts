import { checkModel } from './model-check/stories.ts'

checkModel(2_000)
