#!/usr/bin/env bash
# Builds what is measured, installs the peers into .cache/bench-venv, and measures: bench/run.sh [arguments of run.py]
set -euo pipefail
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

# A build of its own, so that measuring never changes what `make build` left.
[ -f build/bench/build.ninja ] || cmake --preset release -B build/bench -DPENSTOCK_BENCH=ON -DPENSTOCK_TESTS=OFF
cmake --build build/bench --target penstock benchmarks -j "$jobs"

venv=.cache/bench-venv
if ! cmp -s bench/requirements.txt "$venv/requirements.txt"; then
  echo "installing the peers into $venv"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check --retries 5 -r bench/requirements.txt
  cp bench/requirements.txt "$venv/requirements.txt"
fi
exec "$venv/bin/python" bench/run.py --build build/bench "$@"
