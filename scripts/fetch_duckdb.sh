#!/usr/bin/env bash
# Puts DuckDB's shared library and C header in .cache/duckdb-<version>/ (or the folder given as the first argument),
# from the package registries that npm and cargo are set up with. Every file is checked by SHA-256. Does nothing when
# the right files are there already.
set -euo pipefail

version=1.5.6
npm_package=@duckdb/node-bindings-linux-x64@1.5.6-r.1
npm_tarball_sha256=1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff
library_sha256=3f4962cdd266eab2b479a5b5a4a6d063d279b2954ae814ed00385d553b747633
crate=libduckdb-sys
crate_version=1.10506.0
sources_sha256=05c43055c3c76c630957e787b160925f9212f33265f4e7dbbc413bdf655b5ddf
header_sha256=e85f70155b5948c8575e59f66e60d43575cec8b252293534c9e8598eb313a293

root=$(cd "$(dirname "$0")/.." && pwd)
target=${1:-$root/.cache/duckdb-$version}

die() {
  echo "fetch_duckdb: $*" >&2
  exit 1
}
matches() {  # file sha256
  [ -f "$1" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$2" ]
}
expect() {  # file sha256 what
  matches "$1" "$2" || die "$3 has the SHA-256 $(sha256sum <"$1" | cut -d' ' -f1), not $2: it is not used.
  Try again; if it stays so, the package was changed after this script was written."
}

if matches "$target/libduckdb.so" "$library_sha256" && matches "$target/duckdb.h" "$header_sha256"; then
  exit 0
fi

machine=$(uname -sm)
[ "$machine" = "Linux x86_64" ] || die "this script knows DuckDB's library for Linux on x86-64 only; this is $machine.
  Install DuckDB $version or newer (duckdb.h and libduckdb) yourself and pass -DDuckDB_ROOT=<prefix> to cmake."
for tool in npm cargo tar sha256sum; do
  command -v "$tool" >/dev/null || die "$tool is not installed: install it (npm and cargo fetch the packages), or DuckDB itself."
done

mkdir -p "$target"
work=$(mktemp -d "$target/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

if ! matches "$target/libduckdb.so" "$library_sha256"; then
  echo "fetching $npm_package (28 MB)"
  (cd "$work" && npm pack --silent --pack-destination "$work" "$npm_package" >/dev/null) ||
    die "npm pack $npm_package failed: is the package registry reachable?"
  tarball=$(ls "$work"/*.tgz)
  expect "$tarball" "$npm_tarball_sha256" "$npm_package"
  tar -xzf "$tarball" -C "$work" package/libduckdb.so
  expect "$work/package/libduckdb.so" "$library_sha256" "libduckdb.so of $npm_package"
  mv "$work/package/libduckdb.so" "$target/libduckdb.so"
fi

if ! matches "$target/duckdb.h" "$header_sha256"; then
  echo "fetching duckdb.h of crate $crate $crate_version"
  mkdir -p "$work/manifest/src"
  : >"$work/manifest/src/lib.rs"
  cat >"$work/manifest/Cargo.toml" <<TOML
[package]
name = "fetch-duckdb"
version = "0.0.0"
edition = "2021"
[dependencies]
$crate = { version = "=$crate_version", default-features = false }
[workspace]
TOML
  (cd "$work/manifest" && cargo fetch --quiet) || die "cargo fetch of $crate $crate_version failed: is the package registry reachable?"
  manifest=$(cd "$work/manifest" && cargo metadata --format-version 1 --offline |
    grep -o "\"manifest_path\":\"[^\"]*/$crate-$crate_version/Cargo.toml\"" | head -n 1 | cut -d'"' -f4)
  [ -n "$manifest" ] || die "cargo does not say where it put $crate $crate_version"
  sources=$(dirname "$manifest")/duckdb.tar.gz
  [ -f "$sources" ] || die "$sources is missing: remove its folder and try again"
  expect "$sources" "$sources_sha256" "duckdb.tar.gz of $crate $crate_version"
  tar -xzf "$sources" -C "$work" duckdb/src/include/duckdb.h
  expect "$work/duckdb/src/include/duckdb.h" "$header_sha256" "duckdb.h of $crate $crate_version"
  mv "$work/duckdb/src/include/duckdb.h" "$target/duckdb.h"
fi
