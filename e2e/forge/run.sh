#!/usr/bin/env bash
# A forge script that deploys and calls with --broadcast. Usage: forge/run.sh [URL]
set -euo pipefail
cd "$(dirname "$0")"
url=${1:-${RPC_URL:-http://127.0.0.1:8545}}
bin=../../contracts/node_modules/.bin
key=0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d
passed=0 failed=0

check() { # NAME EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok   forge: $1"
  else failed=$((failed + 1)); echo "FAIL forge: $1: expected '$2', got '$3'"; fi
}

salt=$("$bin/cast" keccak "$(date +%s%N)$$")
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
"$bin/forge" script src/Deploy.s.sol:Deploy --sig 'run(bytes32)' "$salt" --rpc-url "$url" \
  --private-key "$key" --broadcast --json > "$log" 2>&1 || status=$?
check "script broadcasts" 0 "$status"
if [ "$status" -ne 0 ]; then
  tail -20 "$log"
else
  chain=$("$bin/cast" chain-id --rpc-url "$url")
  latest=broadcast/Deploy.s.sol/$chain/run-latest.json
  check "all transactions are there" 9 "$(jq '.receipts | length' "$latest")"
  check "none failed" 0 "$(jq '[.receipts[] | select(.status != "0x1")] | length' "$latest")"
  plain=$(jq -r '[.transactions[] | select(.transactionType == "CREATE")][0].contractAddress' "$latest")
  salted=$(jq -r '[.transactions[] | select(.transactionType == "CREATE2")][0].contractAddress' "$latest")
  number() { "$bin/cast" call "$1" 'number()(uint256)' --rpc-url "$url"; }
  check "deployed contract has its state" 15 "$(number "$plain")"
  check "CREATE2 contract has its state" 22 "$(number "$salted")"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
