#!/bin/bash
# Installs what the tests against real servers need, and starts none of it: Debian's packages with apt-get, Exim's
# program unpacked into .local/exim, the OpenID provider with npm into .local/provider. Quick when all is there.
set -euo pipefail
cd "$(dirname "$0")"
local_folder=$(cd ../.. && pwd)/.local

say() { echo "tests/real/install.sh: $*"; }
fail() { say "$*" >&2; exit 1; }

missing_packages() {
    local name
    for name in postfix dovecot-core dovecot-submissiond chromium libidn12 systemd; do
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

# Debian allows one mail server at a time, so Exim is unpacked only. It insists on the user of its package.
unpack_exim() {
    local folder=$local_folder/exim
    [ ! -x "$folder/usr/sbin/exim4" ] || return 0
    say "unpacking exim4-daemon-light into $folder"
    local download
    download=$(mktemp --directory)
    (cd "$download" && { fetch_exim || { apt-get -qq update && fetch_exim; }; })
    rm -rf "$folder"
    mkdir -p "$folder"
    dpkg-deb --extract "$download"/exim4-daemon-light_*.deb "$folder"
    rm -r "$download"
    chmod 0755 "$folder/usr/sbin/exim4"
}

fetch_exim() {
    apt-get -qq -o APT::Sandbox::User=root download exim4-daemon-light
}

add_exim_user() {
    getent passwd Debian-exim >/dev/null ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin Debian-exim
}

install_provider() {
    local folder=$local_folder/provider
    cmp -s provider/package-lock.json "$folder/installed" && return 0
    say "installing oidc-provider into $folder"
    mkdir -p "$folder"
    cp provider/package.json provider/package-lock.json provider/.npmrc "$folder/"
    npm ci --prefix "$folder" --no-progress --loglevel=error </dev/null
    cp "$folder/package-lock.json" "$folder/installed"
}

mapfile -t packages < <(missing_packages)
[ "${#packages[@]}" = 0 ] || install_packages "${packages[@]}"
unpack_exim
add_exim_user
install_provider
