#!/bin/sh
# Installs a checkout or a wheel into an environment of its own: sh deploy/install.sh SOURCE TARGET
# The Containerfile and docs/deployment.md use it. PYTHON names the interpreter; pip's own variables are obeyed.
set -eu
if [ $# -ne 2 ] || [ -z "${2%/}" ]; then
    echo "Usage: sh $0 SOURCE TARGET (a checkout or a wheel, and the folder to install into)" >&2
    exit 2
fi
source=$1
target=${2%/}
before=$target.before
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$0: $python is older than Python 3.11. Name another one: PYTHON=/path/to/python3 sh $0 $source $target" >&2
    exit 1
}
if [ -e "$before" ]; then
    echo "$0: $before is left over from an installation that was cut off. Move it back to $target, or remove it." >&2
    exit 1
fi
if [ -e "$target/bin/smtp-connector" ]; then
    mv "$target" "$before"
elif [ -n "$(ls -A "$target" 2>/dev/null)" ]; then
    echo "$0: $target is not empty, and holds no smtp-connector. Nothing was changed: name another folder." >&2
    exit 1
fi
# whatever goes wrong from here on, what was installed before is in its place again
trap 'rm -rf "$target"; [ ! -e "$before" ] || mv "$before" "$target"' EXIT
trap 'exit 1' HUP INT TERM

"$python" -m venv "$target"
"$target/bin/python" -m pip install --quiet --disable-pip-version-check "$source"
# compiled here, because whoever runs it may not write there
"$target/bin/python" -m compileall -q "$target/lib"
"$target/bin/smtp-connector" --help >/dev/null
trap - EXIT
rm -rf "$before"
echo "Installed: $target/bin/smtp-connector"
