#!/usr/bin/env bash
# Installs what a command needs and the machine lacks: scripts/install.sh run|test|systems|bench|tidy
# A machine that has everything is left alone, in a fraction of a second.
set -euo pipefail
cd "$(dirname "$0")/.."
group=${1:-run}

# Programs that may come from elsewhere than Debian's packages: `program package`.
programs="g++ g++
cmake cmake
ninja ninja-build
python3 python3
npm npm
cargo cargo"
packages="mold ccache libfmt-dev libspdlog-dev libboost1.81-dev libssl-dev libsimdjson-dev libyaml-cpp-dev libcli11-dev
  libzstd-dev liblz4-dev zlib1g-dev libxxhash-dev nlohmann-json3-dev prometheus-cpp-dev libhowardhinnant-date-dev tzdata"
test_packages="libgtest-dev libgmock-dev librapidcheck-dev clang-19 libclang-rt-19-dev clang-format-19 git"
case $group in
  run) ;;
  test) packages+=" $test_packages" ;;
  systems)
    packages+=" $test_packages"
    programs+=$'\njava openjdk-17-jre-headless\nmvn maven'
    ;;
  bench) packages+=" libbenchmark-dev" ;;
  tidy) packages+=" $test_packages clang-tidy-19" ;;
  *)
    echo "scripts/install.sh: no group named '$group'; there are run, test, systems, bench and tidy" >&2
    exit 2
    ;;
esac

missing=()
while read -r program package; do
  command -v "$program" >/dev/null || missing+=("$package")
done <<<"$programs"
installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' $packages 2>/dev/null | sed -n 's/^ii *//p' || true)
for package in $packages; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done

apt_get() { # retries: a mirror may be away for a moment
  local attempt
  for attempt in 1 2 3; do
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" </dev/null && return 0
    echo "apt-get $1 failed (attempt $attempt of 3)" >&2
  done
  return 1
}

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "these Debian packages are missing; install them as root, then try again:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "installing: ${missing[*]}"
  apt_get update
  apt_get install -y --no-install-recommends "${missing[@]}" >/dev/null
fi

# The Python packages of the tests, in an environment of their own: made anew when the list of them changes.
if [ "$group" = test ] || [ "$group" = systems ]; then
  if ! cmp -s tests/requirements.txt .cache/venv/requirements.txt; then
    echo "installing the Python packages of the tests into .cache/venv"
    rm -rf .cache/venv
    python3 -m venv .cache/venv || { apt_get update && apt_get install -y python3-venv >/dev/null && python3 -m venv .cache/venv; }
    .cache/venv/bin/pip install -q --disable-pip-version-check --retries 5 --require-hashes -r tests/requirements.txt
    cp tests/requirements.txt .cache/venv/requirements.txt
  fi
fi
