#!/usr/bin/env bash
# What users of cast do. Usage: cast.sh [URL]
set -uo pipefail
cd "$(dirname "$0")"
export ETH_RPC_URL=${1:-${RPC_URL:-http://127.0.0.1:8545}}
cast() { ../contracts/node_modules/.bin/cast "$@"; }
passed=0 failed=0
rich=0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80
zero=0x0000000000000000000000000000000000000000

equal() { # NAME EXPECTED ACTUAL
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok   cast: $1"
  else failed=$((failed + 1)); echo "FAIL cast: $1: expected '$2', got '$3'"; fi
}
contains() { # NAME PART TEXT
  case "$3" in
    *"$2"*) passed=$((passed + 1)); echo "ok   cast: $1" ;;
    *) failed=$((failed + 1)); echo "FAIL cast: $1: expected '$2' in '$3'" ;;
  esac
}

node build.mjs || exit 1
key=$(cast keccak "cast $(date +%s%N) $$")
me=$(cast wallet address "$key")
mine=(--private-key "$key" --json)

# --- accounts and transactions ---
equal "chain id is the network's" "$(cast chain-id)" "$(cast rpc net_version | tr -d '"')"
equal "sends ether" 0x1 \
  "$(cast send "$me" --value 5ether --private-key "$rich" --json | jq -r .status)"
equal "balance" 5000000000000000000 "$(cast balance "$me")"
equal "legacy transaction" 0x0 "$(cast send $zero --value 1 --legacy "${mine[@]}" | jq -r .type)"
equal "1559 transaction" 0x2 "$(cast send $zero --value 1 "${mine[@]}" | jq -r .type)"
equal "nonce" 2 "$(cast nonce "$me")"

# --- a contract ---
deployed=$(cast send "${mine[@]}" --create "$(jq -r .bytecode .build/Probe.json)")
probe=$(jq -r .contractAddress <<< "$deployed")
equal "deploys where it computes" "$(cast compute-address "$me" --nonce 2 | awk '{print $3}')" \
  "$(cast to-check-sum-address "$probe")"
equal "code hash" "$(cast keccak "$(cast code "$probe")")" "$(cast codehash "$probe")"
receipt=$(cast send "$probe" 'store(uint256,uint256)' 3 30 "${mine[@]}")
equal "call" 30 "$(cast call "$probe" 'values(uint256)(uint256)' 3)"
equal "storage" "$(cast to-uint256 30)" "$(cast storage "$probe" 0)"
equal "mapping storage" "$(cast to-uint256 30)" \
  "$(cast storage "$probe" "$(cast index uint256 3 1)")"
block=$(($(jq -r .blockNumber <<< "$receipt")))
equal "old state" 0 "$(cast call "$probe" 'last()(uint256)' --block $((block - 1)))"
list=$(cast access-list "$probe" 'store(uint256,uint256)' 1 2 --from "$me" --json)
equal "access list" 2 "$(jq '.accessList[0].storageKeys | length' <<< "$list")"
equal "2930 transaction" 0x1 "$(cast send "$probe" 'store(uint256,uint256)' 1 2 --legacy \
  --access-list "$(jq -c .accessList <<< "$list")" "${mine[@]}" | jq -r .type)"
equal "logs by signature" 1 "$(cast logs --from-block "$block" --to-block "$block" \
  --address "$probe" 'Stored(address indexed,uint256 indexed,uint256)' --json | jq length)"
contains "estimate gives the reason" "no luck" \
  "$(cast estimate "$probe" 'failWithReason()' --from "$me" 2>&1)"
contains "call gives the reason" "no luck" "$(cast call "$probe" 'failWithReason()' 2>&1)"
equal "failed receipt" 0x0 \
  "$(cast send "$probe" 'failWithReason()' --gas-limit 100000 "${mine[@]}" | jq -r .status)"
override=$(cast call "$probe" 'last()(uint256)' --override-state-diff "$probe:0x0:0x63")
equal "state override" 99 "$override"

# --- EIP-7702 and CREATE2 ---
user_key=$(cast keccak "user $(date +%s%N) $$")
user=$(cast wallet address "$user_key")
auth=$(cast wallet sign-auth "$probe" --private-key "$user_key" --nonce 0)
equal "7702 transaction" 0x4 "$(cast send "$user" 'store(uint256,uint256)' 8 80 --auth "$auth" \
  "${mine[@]}" | jq -r .type)"
equal "7702 account runs the code" 80 "$(cast call "$user" 'values(uint256)(uint256)' 8)"
factory=0x4e59b44847b379578588920cA78FbF26c0B4956C
salt=$(cast keccak "$me")
code=$(jq -r .bytecode .build/Probe.json)
cast send $factory "$(cast concat-hex "$salt" "$code")" "${mine[@]}" > /dev/null
there=$(cast create2 --deployer $factory --salt "$salt" --init-code "$code" |
  grep -o '0x[0-9a-fA-F]\{40\}' | head -1)
equal "CREATE2 through the factory" "$(cast code "$probe")" "$(cast code "$there")"

# --- blocks, proofs, refusals ---
equal "block by hash" "$block" "$(cast block "$(cast block "$block" -f hash)" -f number)"
contains "finalized block" 0x "$(cast block finalized -f hash)"
equal "transaction by hash" "$(cast to-check-sum-address "$me")" \
  "$(cast to-check-sum-address "$(cast tx "$(jq -r .transactionHash <<< "$receipt")" from)")"
equal "receipt by hash" "$(jq -r .gasUsed <<< "$receipt")" \
  "$(cast receipt "$(jq -r .transactionHash <<< "$receipt")" --json | jq -r .gasUsed)"
equal "proof" 0x63 "$(cast send "$probe" 'store(uint256,uint256)' 1 99 "${mine[@]}" > /dev/null
  cast proof "$probe" "$(cast to-uint256 0)" | jq -r '.storageProof[0].value')"
raw=$(cast mktx $zero --value 1 --private-key "$key")
published=$(cast publish "$raw" | jq -r .transactionHash)
equal "publishes a raw transaction" "$(cast keccak "$raw")" "$published"
contains "used nonce is refused" "nonce too low" \
  "$(cast send $zero --value 2 --nonce 0 --gas-limit 21000 "${mine[@]}" 2>&1)"
contains "poor sender is refused" "nsufficient funds for gas * price + value" \
  "$(cast send $zero --value 100ether --gas-limit 21000 "${mine[@]}" 2>&1)"
equal "gas price is above zero" 1 "$(($(cast gas-price) > 0))"
contains "replays a transaction" "Transaction successfully executed" \
  "$(cast run "$(jq -r .transactionHash <<< "$receipt")" --quick 2>&1)"

echo "cast against $(cast client)"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
