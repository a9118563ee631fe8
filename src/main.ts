#!/usr/bin/env node
import { rtcGateway } from './cli/cli.ts'

const { exitCode, stdout = '', stderr = '' } = await rtcGateway(process.argv.slice(2))
// Even an empty write fails if the reader of a pipe has gone.
if (stdout) process.stdout.write(stdout)
if (stderr) process.stderr.write(stderr)
process.exitCode = exitCode
