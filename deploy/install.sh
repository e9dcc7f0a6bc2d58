#!/bin/sh
# Installs a checkout or a wheel into an environment of its own: sh deploy/install.sh SOURCE TARGET
# The Containerfile and docs/deployment.md use it. PYTHON names the interpreter; pip's own variables are obeyed.
set -eu
source=$1
target=$2
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$0: $python is older than Python 3.11. Name another one: PYTHON=/path/to/python3 sh $0 $source $target" >&2
    exit 1
}
"$python" -m venv --clear "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check "$source"
# compiled here, because whoever runs it may not write there
"$target/bin/python" -m compileall -q "$target/lib"
"$target/bin/smtp-connector" --help >/dev/null
echo "Installed: $target/bin/smtp-connector"
