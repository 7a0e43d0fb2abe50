#!/usr/bin/env bash
# All client flows against a running node. Usage: e2e/run.sh [URL]
# Runs every suite even if one fails; the last line is the sum.
set -uo pipefail
cd "$(dirname "$0")"
url=${1:-${RPC_URL:-http://127.0.0.1:8545}}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0

suite() {
  local status=0 last
  "$@" "$url" > "$log" 2>&1 || status=$?
  cat "$log"
  last=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -1)
  if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
    # A suite that counts no failure and still ends badly has failed somewhere it does not count.
    [ "$status" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || failed=$((failed + 1))
  else
    echo "FAIL $*: it did not get to its end (status $status)"
    failed=$((failed + 1))
  fi
}

for flow in flows/*; do suite "$flow"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
