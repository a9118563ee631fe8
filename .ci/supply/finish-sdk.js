// The last step of compiling the SDK: adds the package's files besides its two compiled trees.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'

const dist = 'dist/sdk'
for (const file of ['package.json', 'README.md']) copyFileSync(`src/sdk/${file}`, `${dist}/${file}`)
copyFileSync('src/sdk/generated/persisted-documents.json', 'dist/documents.json')
writeFileSync(`${dist}/cjs/package.json`, '{ "type": "commonjs" }\n')

// Bundlers treat a package as optional only if `require` is directly in the `try` block, not in a nested function.
const vendor = `${dist}/cjs/media/vendor.js`
const text = readFileSync(vendor, 'utf8')
const direct = text.replaceAll(
  /await Promise\.resolve\(\)\.then\(\(\) => (__importStar\(require\('[^']+'\)\))\)/g,
  '$1',
)
if (direct === text) throw new Error(`${vendor} has an unexpected form`)
writeFileSync(vendor, direct)
