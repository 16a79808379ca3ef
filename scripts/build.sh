#!/usr/bin/env bash
# Configures a preset where that was not done, and builds it: scripts/build.sh PRESET [arguments of cmake --build]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift
# Ninja configures again by itself when a CMake file, or the set of sources, changes.
[ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
cmake --build "build/$preset" "$@"
