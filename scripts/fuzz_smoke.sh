#!/usr/bin/env bash
# Runs one fuzz target for a few seconds from its seeds: scripts/fuzz_smoke.sh NAME [SECONDS]
# The target is build/fuzz/fuzzers/NAME (made by `make test`), its seeds come from tests/fuzz/seeds.py.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
seconds=${2:-5}
program=build/fuzz/fuzzers/$name
if [ ! -x "$program" ]; then
  echo "$program is not built: run \`make test\`, or scripts/build.sh fuzz --target fuzzers"
  exit 77 # ctest: skipped
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -B tests/fuzz/seeds.py "$name" "$work/corpus"
# What it finds is kept beside the program, to be run again by name.
mkdir -p build/fuzz/found
"$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
  -seed="${PENSTOCK_TEST_SEED:-0}" -artifact_prefix="build/fuzz/found/$name-" "$work/corpus"
