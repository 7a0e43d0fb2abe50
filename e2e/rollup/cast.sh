#!/usr/bin/env bash
# What users of a rollup do, with cast on both chains.
# Usage: cast.sh [L2_URL], with L1 at $L1_RPC_URL (see scripts/with-rollup).
set -uo pipefail
cd "$(dirname "$0")/.."
l2=${1:-${RPC_URL:-http://127.0.0.1:8545}}
l1=${L1_RPC_URL:-http://127.0.0.1:18545}
cast() { ../contracts/node_modules/.bin/cast "$@"; }
passed=0 failed=0
rich=0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80

equal() { # NAME EXPECTED ACTUAL
  if [ -n "$2" ] && [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok   rollup cast: $1"
  else failed=$((failed + 1)); echo "FAIL rollup cast: $1: expected '$2', got '$3'"; fi
}
# until SECONDS COMMAND…: what the command prints once it prints something; nothing if it never does.
until_said() {
  local end=$((SECONDS + $1)) said
  shift
  while [ "$SECONDS" -lt "$end" ]; do
    said=$("$@" 2> /dev/null)
    if [ -n "$said" ] && [ "$said" != null ]; then echo "$said"; return; fi
    sleep 0.2
  done
}
on_l1() { ETH_RPC_URL=$l1 cast "$@"; }
on_l2() { ETH_RPC_URL=$l2 cast "$@"; }
# The hash on L2 of the last transaction that an L1 receipt queued: the word before the last.
queued='TransactionQueued(uint64,address,address,uint256,uint64,bytes,bytes32,bytes32)'
topic=$(cast sig-event "$queued")
l2_hash() { # RECEIPT
  local data
  data=$(jq -r --arg topic "$topic" '[.logs[] | select(.topics[0] == $topic)] | last | .data' <<< "$1")
  echo "0x${data:$((2 + 64 * 3)):64}"
}
receipt_on_l2() { on_l2 rpc eth_getTransactionReceipt "$1" | jq -r 'select(. != null) | .status'; }

node build.mjs || exit 1
info=$(on_l2 rpc jovay_rollupInfo) || { echo "$l2 is not connected to an L1"; exit 1; }
mailbox=$(jq -r .l1Mailbox <<< "$info")
bridge=$(jq -r .l1Bridge <<< "$info")
rollup=$(jq -r .rollup <<< "$info")
key=$(cast keccak "cast $(date +%s%N) $$")
me=$(cast wallet address "$key")
equal "L1 is the node's" "$(jq -r .l1ChainId <<< "$info" | cast to-dec)" "$(on_l1 chain-id)"
equal "L2 is the contracts'" "$(on_l1 call "$rollup" 'l2ChainId()(uint64)' | cut -d' ' -f1)" \
  "$(on_l2 chain-id)"
equal "ether on L1" 0x1 \
  "$(on_l1 send "$me" --value 10ether --private-key "$rich" --json | jq -r .status)"

# --- ether through the bridge ---
fee=$(on_l1 call "$mailbox" 'feeOf(uint64)(uint256)' 300000 | cut -d' ' -f1)
deposit=$(on_l1 send "$bridge" 'depositETH(address,uint256,uint64,address)' "$me" \
  2000000000000000000 300000 "$me" --value $((2000000000000000000 + fee)) --private-key "$key" --json)
equal "deposit of ether" 0x1 "$(jq -r .status <<< "$deposit")"
equal "and its transaction on L2" 0x1 "$(until_said 30 receipt_on_l2 "$(l2_hash "$deposit")")"
equal "and its ether on L2" 2000000000000000000 "$(on_l2 balance "$me")"
transaction=$(jq -r .transactionHash <<< "$deposit")
equal "and its status" executed \
  "$(on_l2 rpc jovay_getDepositStatus "$transaction" | jq -r '.[0].status')"

# --- a token through the bridge ---
token=$(on_l1 send --private-key "$key" --json --create "$(jq -r .bytecode .build/Token.json)" \
  'constructor(string)' Cargo | jq -r .contractAddress)
on_l1 send "$token" 'approve(address,uint256)' "$bridge" 1000 --private-key "$key" > /dev/null
fee=$(on_l1 call "$bridge" 'depositFee(uint8,address,uint64)(uint256)' 0 "$token" 300000 |
  cut -d' ' -f1)
deposit=$(on_l1 send "$bridge" 'depositERC20(address,address,uint256,uint64,address)' "$token" \
  "$me" 700 300000 "$me" --value "$fee" --private-key "$key" --json)
equal "deposit of a token" 0x1 "$(jq -r .status <<< "$deposit")"
equal "and its transaction on L2" 0x1 "$(until_said 30 receipt_on_l2 "$(l2_hash "$deposit")")"
twin=$(on_l1 call "$bridge" 'twinOf(uint8,address)(address)' 0 "$token")
equal "the twin has the token's name" '"Cargo"' "$(on_l2 call "$twin" 'name()(string)')"
equal "the twin is there" 700 "$(on_l2 call "$twin" 'balanceOf(address)(uint256)' "$me")"

# --- L2, and back on L1 as a batch ---
friend=$(cast wallet address "$(cast keccak "friend $key")")
equal "the twin moves" 0x1 "$(on_l2 send "$twin" 'transfer(address,uint256)' "$friend" 200 \
  --private-key "$key" --json | jq -r .status)"
equal "and arrives" 200 "$(on_l2 call "$twin" 'balanceOf(address)(uint256)' "$friend")"
sent=$(on_l2 send "$friend" --value 1ether --private-key "$key" --json)
equal "ether moves" 0x1 "$(jq -r .status <<< "$sent")"
block=$(jq -r .blockNumber <<< "$sent")
committed() {
  on_l2 rpc jovay_getBatchByBlockNumber "$block" | jq -c 'select(.committed != null)'
}
batch=$(until_said 60 committed)
equal "the batch's hash on L1" "$(jq -r .hash <<< "$batch")" \
  "$(on_l1 call "$rollup" 'batch(uint64)((bytes32,uint64,uint64))' \
    "$(jq -r .index <<< "$batch" | cast to-dec)" | tr -d '(,' | awk '{print $1}')"
commit=$(on_l1 rpc eth_getTransactionByHash "$(jq -r .committed.transactionHash <<< "$batch")")
equal "in a blob transaction" 0x3 "$(jq -r .type <<< "$commit")"
equal "with the batch's blobs" 0 "$(jq -n --argjson have "$(jq -c .blobVersionedHashes <<< "$commit")" \
  --argjson need "$(jq -c .versionedHashes <<< "$batch")" '$need - $have | length')"
is_safe() {
  [ -n "$block" ] && [ $(($(on_l2 block safe --field number))) -ge $((block)) ] && echo yes
}
equal "the block is safe" yes "$(until_said 60 is_safe)"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
