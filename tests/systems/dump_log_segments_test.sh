#!/usr/bin/env bash
# Kafka's own DumpLogSegments reads the embedded log's segments without a complaint, and complains of a flipped byte.
#   KAFKA_LIBS      the folder of Kafka's jars (scripts/kafka_tools.sh prints it)
#   WRITE_SEGMENTS  the program built from tests/systems/write_segments.cpp
set -euo pipefail
if [ -z "${KAFKA_LIBS:-}" ] || ! command -v java >/dev/null; then
  echo "skipped: KAFKA_LIBS is not set or there is no java: run \`make test-systems\`"
  exit 77
fi
: "${WRITE_SEGMENTS:?the write_segments program}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$work/log
"$WRITE_SEGMENTS" "$log"

dump() { java -cp "$KAFKA_LIBS/*" kafka.tools.DumpLogSegments "$@" 2>&1; }
# Files of many partitions go into one call: a Java process takes a second to start.
files() { find "$log" -name "*.$1" | sort | paste -sd,; }
failed=0
complain() { echo "FAILED: $1"; failed=1; }

segments=$(find "$log" -name '*.log' | wc -l)
[ "$segments" -ge 12 ] || complain "only $segments segments were written: the test would prove little"
find "$log" -name '*.index' -size +0 | grep -q . || complain "no index has an entry"
find "$log" -name '*.timeindex' -size +0 | grep -q . || complain "no time index has an entry"

dump --deep-iteration --print-data-log --files "$(files log)" >"$work/deep" || complain "deep iteration failed"
grep -cq '^baseOffset' "$work/deep" || complain "deep iteration showed no batch"
grep -q 'isvalid: false' "$work/deep" && complain "a batch is invalid: $(grep -m1 'isvalid: false' "$work/deep")"
grep -qi 'exception\|error\|invalid bytes' "$work/deep" && complain "$(grep -im1 'exception\|error\|invalid bytes' "$work/deep")"
for codec in none lz4 zstd; do
  grep -qi "compresscodec: $codec" "$work/deep" || complain "no batch of codec $codec was seen"
done
records=$(grep -c '^| offset' "$work/deep")
expected=$((4 * $(seq 0 119 | awk '{n += 1 + $1 * 7 % 60} END {print n}')))
[ "$records" -eq "$expected" ] || complain "Kafka read $records records where $expected were written"
grep -q 'payload: trade 42 of' "$work/deep" || complain "the content of a trade was not shown"
grep -q 'headerKeys: \[penstock.kind,empty\]' "$work/deep" || complain "the headers of a mark were not shown"

for check in --verify-index-only --index-sanity-check; do
  dump $check --files "$(files index),$(files timeindex)" >"$work/index" || complain "$check failed"
  grep -q 'Dumping' "$work/index" || complain "$check looked at nothing"
  grep -i 'mismatch\|out of order\|not found\|exception\|error\|corrupt\|misses' "$work/index" && complain "$check complains"
done

# The test can fail: one flipped bit of one record is noticed.
victim=$(find "$log/idempotent-0" -name '*.log' | sort | head -1)
printf "$(printf '\\%03o' $(($(od -An -tu1 -j 300 -N 1 "$victim") ^ 1)))" |
  dd of="$victim" bs=1 seek=300 conv=notrunc status=none
dump --deep-iteration --files "$victim" >"$work/flipped" || true
grep -q 'isvalid: false' "$work/flipped" || complain "a flipped bit was not noticed"

[ "$failed" -eq 0 ] && echo "$segments segments and $records records: no complaint"
exit "$failed"
