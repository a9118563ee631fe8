#!/usr/bin/env bash
# Packs a release for test/upgrade/upgrade.long.test.ts: what its gateway runs, without maps, types, SDK and call page.
#
#     test/upgrade/pack-release.sh <commit or tag>
#
# Run it at each release, commit the archive instead of the one before, and name it in test/upgrade/release.ts.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
commit=$(git rev-parse --verify "$1^{commit}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git archive "$commit" | tar --extract --directory "$work"
(cd "$work" && npm ci --no-audit --no-fund)
version=$(node -p "require('$work/package.json').version")
target=$PWD/test/upgrade/release-$version.tar.gz
cd "$work"
find dist -type f \( -name '*.js' -o -name '*.json' \) -not -path 'dist/sdk/*' -not -path 'dist/web/*' |
  tar --create --gzip --file "$target" --files-from - package.json prisma/migrations
echo "$target"
