// The last step of compiling the SDK: what the package has beside its two compiled trees.
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'

const dist = 'dist/sdk'
for (const file of ['package.json', 'README.md']) copyFileSync(`src/sdk/${file}`, `${dist}/${file}`)
copyFileSync('src/sdk/generated/persisted-documents.json', 'dist/documents.json')
writeFileSync(`${dist}/cjs/package.json`, '{ "type": "commonjs" }\n')

// Bundlers take a package for optional when `require` stands in the `try` block itself, not in a function within.
const vendor = `${dist}/cjs/media/vendor.js`
const text = readFileSync(vendor, 'utf8')
const direct = text.replaceAll(
  /await Promise\.resolve\(\)\.then\(\(\) => (__importStar\(require\('[^']+'\)\))\)/g,
  '$1',
)
if (direct === text) throw new Error(`${vendor} is not compiled as it was`)
writeFileSync(vendor, direct)
