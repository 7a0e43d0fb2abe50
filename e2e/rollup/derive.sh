#!/usr/bin/env bash
# The chain rebuilt from L1 by `jovay derive`, and followed by `jovay replica`, as processes.
# Usage: derive.sh [L2_URL], with what scripts/with-rollup exports: $L1_RPC_URL, $L1_BEACON_URL,
# $JOVAY_ADDRESSES and, of a node that keeps one, $BLOB_ARCHIVE.
set -uo pipefail
cd "$(dirname "$0")/../.."
l2=${1:-${RPC_URL:-http://127.0.0.1:8545}}
l1=${L1_RPC_URL:-http://127.0.0.1:18545}
export L1_BEACON_URL=${L1_BEACON_URL:-$l1}
: "${JOVAY_ADDRESSES:?names no addresses file}" "${BLOB_ARCHIVE:?names no archive of blobs}"
export JOVAY_ADDRESSES
jovay="${CARGO_TARGET_DIR:-target}/release/jovay"
folder=$(mktemp -d)
declare -A running
stop_all() { for name in "${!running[@]}"; do stop "$name"; done; rm -rf "$folder"; }
trap stop_all EXIT
passed=0 failed=0
# Of the second account on L1 there is ether on both L1s.
export DEPOSITOR=0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d

equal() { # NAME EXPECTED ACTUAL
  if [ -n "$2" ] && [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok   derive: $1"
  else failed=$((failed + 1)); echo "FAIL derive: $1: expected '$2', got '$3'"; fi
}
says() { # NAME FILE PATTERN
  if grep -q -e "$3" "$2"; then equal "$1" yes yes
  else equal "$1" "$3" "$(tail -n 2 "$2")"; fi
}
# until_true SECONDS COMMAND…: yes once the command succeeds, nothing if it never does.
until_true() {
  local end=$((SECONDS + $1))
  shift
  while [ "$SECONDS" -lt "$end" ]; do
    if "$@" > /dev/null 2>&1; then echo yes; return; fi
    sleep 0.2
  done
}
cast() { contracts/node_modules/.bin/cast "$@"; }
number() { cast block "$2" --rpc-url "$1" --field number; } # URL TAG
hash() { cast block "$2" --rpc-url "$1" --field hash; }
reached() { [ "$(number "$1" "$2")" -ge "$3" ]; } # URL TAG BLOCK
ask() { local url=$1; shift; cast rpc "$@" --rpc-url "$url" 2>&1; }
synced() { [ "$(ask "$1" eth_syncing)" = false ]; }
unsynced() { ask "$1" eth_syncing | grep -q currentBlock; }
free_port() { node -e 'const s=require("net").createServer();s.listen(0,"127.0.0.1",()=>{console.log(s.address().port);s.close()})'; }
start() { # NAME COMMAND…: in the background, its output in $folder/NAME.log
  local name=$1
  shift
  "$@" >> "$folder/$name.log" 2>&1 &
  running[$name]=$!
}
stop() { # NAME [SIGNAL]
  kill "-${2:-KILL}" "${running[$1]}" 2> /dev/null
  wait "${running[$1]}" 2> /dev/null
  unset "running[$1]"
}
derive() { # NAME FLAG…: its output in $folder/NAME.log
  local name=$1
  shift
  "$jovay" derive --l1-rpc "$l1" --tag latest "$@" > "$folder/$name.log" 2>&1
}
# replica NAME FOLDER FLAG…: starts it and waits for its port, which `url` has then.
replica() {
  local name=$1 data=$2 port
  shift 2
  port=$(free_port)
  url="http://127.0.0.1:$port"
  start "$name" "$jovay" replica --l1-rpc "$l1" --l1-beacon "$L1_BEACON_URL" --l1-tag latest \
    --datadir "$folder/$data" --port "$port" "$@"
  until_true 30 cast chain-id --rpc-url "$url" > /dev/null
}
# Lets the replica reach the sequencer through a port that can be closed.
relay() { # PORT
  start relay node -e 'const net = require("net"), [port, to] = process.argv.slice(1);
    net.createServer((from) => {
      const there = net.connect(new URL(to).port, new URL(to).hostname);
      for (const [a, b] of [[from, there], [there, from]]) a.on("error", () => b.destroy()).pipe(b);
    }).listen(port, "127.0.0.1");' "$1" "$l2"
}

# --- a chain: a deposit, transfers, a contract; two batches at least ---
sender=$(cast keccak "derive $(date +%s%N) $$")
me=$(cast wallet address "$sender")
equal "a deposit" 0 "$("$jovay" bridge deposit --l1-rpc "$l1" --l2-rpc "$l2" --amount 3 --to "$me" \
  --key env:DEPOSITOR --wait > "$folder/deposit.log" 2>&1; echo $?)"
send() { cast send --rpc-url "$1" --private-key "$sender" --json "${@:2}"; } # URL …
first=$(send "$l2" "$me" --value 1)
first=$(jq -r .blockNumber <<< "$first" | cast to-dec)
equal "it is safe on L2" yes "$(until_true 60 reached "$l2" safe "$first")"
# A contract that returns 42.
block=$(send "$l2" --create 0x600a600c600039600a6000f3602a60005260206000f3 | jq -r .blockNumber)
block=$(cast to-dec "$block")

# --- jovay derive ---
derive whole --l1-beacon "$L1_BEACON_URL" --datadir "$folder/whole" --compare "$l2"
equal "from the beacon API" 0 $?
says "every block compared with L2" "$folder/whole.log" 'blocks are equal to those of'
head=$(sed -n 's/^head \([0-9]*\) .*/\1/p' "$folder/whole.log")
equal "all that was safe" yes "$([ "${head:-0}" -ge "$first" ] && echo yes)"
equal "the same hash" "$(hash "$l2" "${head:-0}")" "$(sed -n 's/^head [0-9]* //p' "$folder/whole.log")"

replica alone alone
alone=$url
equal "the next batch is on L1" yes "$(until_true 60 reached "$l2" safe "$block")"
batch=$(ask "$l2" jovay_getBatchByBlockNumber "$(cast to-hex "$block")")
index=$(jq -r .index <<< "$batch" | cast to-dec)
blob=$(jq -r '.versionedHashes[0]' <<< "$batch")
cp -r "$BLOB_ARCHIVE" "$folder/archive"
file=$folder/archive/blobs/$blob
mv "$file" "$folder/blob"
# It waits for the blob that is not there; the kill comes then.
start killed "$jovay" derive --l1-rpc "$l1" --tag latest --blob-archive "$folder/archive" \
  --datadir "$folder/killed"
equal "waits for a blob" yes "$(until_true 60 grep -q 'asking again' "$folder/killed.log")"
equal "with the batches before it" yes "$(until_true 60 grep -q ' batch=1 ' "$folder/killed.log")"
stop killed KILL
old=$(od -An -tu1 -j 41 -N 1 "$folder/blob")
cp "$folder/blob" "$file"
printf "\\x$(printf %02x $((old ^ 1)))" | dd of="$file" bs=1 seek=41 conv=notrunc 2> /dev/null
derive changed --blob-archive "$folder/archive"
equal "one byte of a blob changed" 1 $?
says "names the batch and the blob" "$folder/changed.log" \
  "^error: batch $index (.*$blob.*does not match its versioned hash"
derive resumed --blob-archive "$folder/archive" --l1-beacon "$L1_BEACON_URL" \
  --datadir "$folder/killed" --to "$block" --compare "$l2"
equal "goes on after kill -9, past the bad blob with L1's" 0 $?
says "behind what it had" "$folder/resumed.log" "^going on behind batch [1-9]"
says "to the same block" "$folder/resumed.log" "^head $block $(hash "$l2" "$block")"

# --- jovay replica ---
port=$(free_port)
relay "$port"
replica first replica --feed "ws://127.0.0.1:$port"
equal "a replica is synced" yes "$(until_true 30 synced "$url")"
equal "it has the chain" "$(hash "$l2" "$block")" "$(hash "$url" "$block")"
sent=$(send "$url" "$me" --value 7)
equal "a transaction through it" 0x1 "$(jq -r .status <<< "$sent")"
transaction=$(jq -r .transactionHash <<< "$sent")
equal "and its receipt" "$(ask "$l2" eth_getTransactionReceipt "$transaction")" \
  "$(ask "$url" eth_getTransactionReceipt "$transaction")"
info() { ask "$1" jovay_rollupInfo | jq -cS .; }
equal "the sequencer's contracts" "$(info "$l2")" "$(info "$url")"
# Whether L1 has made it final may change between the two.
same='del(.status, .committed, .proven)'
equal "the sequencer's batches" "$(jq -cS "$same" <<< "$batch")" \
  "$(ask "$url" jovay_getBatchByNumber "$(cast to-hex "$index")" | jq -cS "$same")"
stop first KILL
replica second replica --feed "ws://127.0.0.1:$port"
equal "after kill -9 it is synced again" yes "$(until_true 30 synced "$url")"
last=$(jq -r .blockNumber <<< "$sent" | cast to-dec)
stop relay
equal "without the sequencer it is not synced" yes "$(until_true 20 unsynced "$url")"
equal "and serves on" "$(hash "$l2" "$last")" "$(hash "$url" "$last")"
send "$url" "$me" --value 8 > "$folder/lost.log" 2>&1
says "and says why it forwards nothing" "$folder/lost.log" 'the sequencer cannot be reached'
ask "$url" jovay_latestBatch > "$folder/lost.log"
says "nor can tell about batches" "$folder/lost.log" '32014'
equal "and goes on to check L1" yes "$(until_true 60 reached "$url" safe "$last")"
equal "where all becomes final" yes "$(until_true 60 reached "$url" finalized "$last")"
relay "$port"
equal "it finds the sequencer again" yes "$(until_true 30 synced "$url")"
equal "and forwards" 0x1 "$(send "$url" "$me" --value 8 | jq -r .status)"

equal "a replica of L1 alone" yes "$(until_true 60 reached "$alone" latest "$last")"
equal "has the same chain" "$(hash "$l2" "$last")" "$(hash "$alone" "$last")"
ask "$alone" jovay_latestBatch > "$folder/asked.log"
says "and says that it knows no sequencer" "$folder/asked.log" 'follows L1 alone'
for name in second alone; do
  kill -INT "${running[$name]}"
  wait "${running[$name]}"
  equal "replica $name stops cleanly" 0 $?
  unset "running[$name]"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
