#!/usr/bin/env bash
# Runs Python with the packages of tests/requirements.txt where scripts/install.sh put them, else the machine's own.
folder=$(cd "$(dirname "$0")/.." && pwd)
python=$folder/.cache/venv/bin/python3
[ -x "$python" ] || python=python3
exec "$python" -B "$@"
