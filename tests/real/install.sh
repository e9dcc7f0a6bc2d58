#!/bin/bash
# Installs what the tests against real servers need, and starts none of it: Debian's packages with apt-get, Exim,
# OpenSMTPD and nginx unpacked into .local/, the OpenID provider, Haraka, smtp-server and the makers
# and readers of mails with npm. Quick when all is there.
set -euo pipefail
cd "$(dirname "$0")"
local_folder=$(cd ../.. && pwd)/.local

say() { echo "tests/real/install.sh: $*"; }
fail() { say "$*" >&2; exit 1; }

missing_packages() {
    local name
    for name in swaks netcat-openbsd postfix dovecot-core dovecot-submissiond postgresql chromium libidn12 libevent-2.1-7 systemd dbus gnome-keyring zsh fish python3-venv spin gcc libc6-dev; do
        dpkg-query --show --showformat='${db:Status-Status}' "$name" 2>/dev/null | grep -qx installed || echo "$name"
    done
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
}

# Debian starts a service as it installs it, unless this file says no. One that is there already stays.
deny_starting_services() {
    local policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || return 0
    trap "rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

install_packages() {
    command -v apt-get >/dev/null || fail "these are missing, and there is no apt-get to install them: $*"
    [ "$(id -u)" = 0 ] || fail "these are missing, and only root can install them: $*"
    say "installing $*"
    deny_starting_services
    export DEBIAN_FRONTEND=noninteractive
    if ! dpkg-query --show postfix >/dev/null 2>&1; then
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
    fi
    apt-get -qq -o DPkg::Lock::Timeout=300 update
    apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install --yes --no-install-recommends "$@" </dev/null
}

# Debian allows one mail server at a time, so the other ones are unpacked only: program, package.
unpack() {
    local program=$1 package=$2 download
    local folder=$local_folder/${program%%/*}
    [ ! -x "$local_folder/$program" ] || return 0
    say "unpacking $package into $folder"
    download=$(mktemp --directory)
    (cd "$download" && { fetch "$package" || { apt-get -qq update && fetch "$package"; }; })
    rm -rf "$folder"
    mkdir -p "$folder"
    dpkg-deb --extract "$download/$package"_*.deb "$folder"
    rm -r "$download"
    chmod 0755 "$local_folder/$program"
}

fetch() {
    apt-get -qq -o APT::Sandbox::User=root download "$1"
}

# They insist on the users of their packages.
add_user() {
    getent passwd "$1" >/dev/null ||
        useradd --system --user-group --no-create-home --home-dir "$2" --shell /usr/sbin/nologin "$1"
}

# A folder of this one with a lock file, installed into one of the same name.
install_from_npm() {
    local name=$1
    local folder=$local_folder/$name
    cmp -s "$name/package-lock.json" "$folder/installed" && return 0
    say "installing $(node -p "Object.keys(require('./$name/package.json').dependencies).join(', ')") into $folder"
    mkdir -p "$folder"
    cp "$name/package.json" "$name/package-lock.json" "$name/.npmrc" "$folder/"
    npm ci --prefix "$folder" --ignore-scripts --no-progress --loglevel=error </dev/null
    cp "$folder/package-lock.json" "$folder/installed"
}

mapfile -t packages < <(missing_packages)
[ "${#packages[@]}" = 0 ] || install_packages "${packages[@]}"
unpack exim/usr/sbin/exim4 exim4-daemon-light
add_user Debian-exim /nonexistent
unpack opensmtpd/usr/sbin/smtpd opensmtpd
unpack nginx/usr/sbin/nginx nginx
empty=/var/lib/opensmtpd/empty # where it locks itself up
mkdir -p "$empty"
add_user opensmtpd "$empty"
add_user opensmtpq "$empty"
install_from_npm provider
install_from_npm servers
install_from_npm axe
install_from_npm mails
install_from_npm dapr
