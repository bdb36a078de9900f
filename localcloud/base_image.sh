#!/usr/bin/env bash
# Sees to what the training image is built on: a Docker engine that answers, and the base image of its Dockerfile.
#
# An engine that runs is used as it is; otherwise one is started, and installed first where there is none (Debian or
# Ubuntu, as root). The base image is pulled. Where no registry answers, a stand-in with the same name is put together from
# Debian's own packages: the same release, the same Python, and the certificates that this machine trusts, so that pip
# reaches inside a build what it reaches outside.
set -euo pipefail
cd "$(dirname "$0")/.."

BASE=$(awk 'toupper($1) == "FROM" { print $2; exit }' training_image/Dockerfile) # python:3.13-slim-trixie
RELEASE=${BASE##*-}
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt
ENGINE_LOG=${TMPDIR:-/tmp}/contender-dockerd.log
START_SECONDS=60
PULL_SECONDS=300

say() { echo "base image: $*" >&2; }

install() {
  command -v apt-get >/dev/null || { say "$* is needed, and there is no apt-get to install it with"; exit 1; }
  [ "$(id -u)" = 0 ] || { say "$* is needed; install it, or run this as root"; exit 1; }
  say "installing $*"
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

start_engine() {
  docker info >/dev/null 2>&1 && return
  command -v docker >/dev/null && command -v dockerd >/dev/null || install docker.io iptables
  [ "$(id -u)" = 0 ] || { say "no Docker engine answers; start one, or run this as root"; exit 1; }
  say "starting a Docker engine; its log is $ENGINE_LOG"
  setsid dockerd >"$ENGINE_LOG" 2>&1 </dev/null &
  for _ in $(seq "$START_SECONDS"); do
    docker info >/dev/null 2>&1 && return
    sleep 1
  done
  say "the engine did not start within $START_SECONDS s:"
  tail -n 5 "$ENGINE_LOG" >&2
  exit 1
}

mirror() { # the Debian mirror that this machine's apt uses already; nothing where it uses none, and mmdebstrap knows one
  apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
    awk -v release="$RELEASE" '$2 == release || $2 == "stable" || $2 == "bookworm" { print $1; exit }'
}

build_stand_in() {
  command -v mmdebstrap >/dev/null || install mmdebstrap
  local folder bare
  folder=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder's name is known now
  trap "rm -rf '$folder'" EXIT
  mmdebstrap --quiet --variant=essential \
    --include=python3,python3-venv,python3-pip,ca-certificates,libstdc++6 \
    --customize-hook='ln -sf python3 "$1/usr/bin/python"; rm -f "$1"/usr/lib/python3*/EXTERNALLY-MANAGED' \
    "$RELEASE" "$folder/root.tar" $(mirror)
  bare=$(docker import "$folder/root.tar")
  mkdir "$folder/context"
  cp "$CERTIFICATES" "$folder/context/certificates.crt"
  cat >"$folder/context/Dockerfile" <<EOF
FROM $bare
COPY certificates.crt $CERTIFICATES
ENV PIP_CERT=$CERTIFICATES SSL_CERT_FILE=$CERTIFICATES REQUESTS_CA_BUNDLE=$CERTIFICATES
EOF
  docker build --quiet --tag "$BASE" "$folder/context" >/dev/null
}

start_engine
if docker image inspect "$BASE" >/dev/null 2>&1; then
  exit 0
fi
say "pulling $BASE"
if timeout "$PULL_SECONDS" docker pull --quiet "$BASE" >/dev/null 2>&1; then
  exit 0
fi
say "no registry gives it; building a stand-in from Debian's packages (a minute, once)"
build_stand_in
say "$BASE is there, as a stand-in"
