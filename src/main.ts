#!/usr/bin/env node
import { rtcGateway } from './cli/cli.ts'

const { exitCode, stdout = '', stderr = '' } = await rtcGateway(process.argv.slice(2))
process.stdout.write(stdout)
process.stderr.write(stderr)
process.exitCode = exitCode
