#!/bin/sh
# SPDX-License-Identifier: MIT
# install-deps.sh build|test|fuzz|agent|kernel...: installs the packages that a purpose needs and that are missing, on
# Debian 12 and 13 and Ubuntu 22.04 and 24.04. Says what it does before it does it; does nothing where nothing is missing.
set -eu

build="cmake ninja-build pkg-config gcc libc6-dev clang libbpf-dev libelf-dev zlib1g-dev libzstd-dev libsodium-dev
       libxxhash-dev libyajl-dev libbrotli-dev libnghttp2-dev libjemalloc-dev libseccomp-dev libcap-ng-dev python3"
test="libcriterion-dev openssl curl wget golang-go libssl-dev zstd nodejs ruby ca-certificates
      nghttp2-client nghttp2-server python3-h2 python3-httpx"
agent="nodejs npm ruby ca-certificates openssl python3"
kernel="qemu-system-x86 busybox-static cpio curl zstd nodejs openssl python3"

say() { printf 'install-deps: %s\n' "$*" >&2; }

installed() { dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q 'ok installed'; }

exists() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

# The first of several names that this distribution has: names differ between releases.
first_of() {
  for name in "$@"; do
    if installed "$name" || exists "$name"; then echo "$name"; return; fi
  done
  echo "$1" # the package lists may be empty yet
}

words() { printf '%s\n' "$1" | tr -s ' ' '\n' | sed '/^$/d'; }

# Of the clang that is here, or that the package would bring.
clang_major() {
  { clang -dumpversion 2>/dev/null || apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p'; } |
    sed -n '1s/\..*//;1p'
}

has_program() { command -v "$1" >/dev/null 2>&1; }

wanted() {
  for purpose in "$@"; do
    case $purpose in
      build)
        words "$build"
        first_of libmsgpack-c-dev libmsgpack-dev
        # Ubuntu ships bpftool in its kernel's tools.
        has_program bpftool || [ -x /usr/sbin/bpftool ] || first_of bpftool linux-tools-generic ;;
      test) words "$test" ;;
      # libFuzzer and the sanitizers of clang: a package of their own where clang does not bring them.
      fuzz)
        echo clang
        [ -f "$(clang -print-file-name=libclang_rt.fuzzer-"$(uname -m)".a 2>/dev/null)" ] ||
          [ -f "$(clang -print-file-name=libclang_rt.fuzzer.a 2>/dev/null)" ] ||
          { major=$(clang_major) && first_of "libclang-rt-$major-dev" "libclang-common-$major-dev"; } ;;
      agent) words "$agent" ;;
      kernel) words "$kernel" ;;
      *) say "unknown purpose '$purpose' (build, test, fuzz, agent, kernel)"; exit 2 ;;
    esac
  done
}

missing() {
  for name in $(wanted "$@" | sort -u); do
    case $name in
      nodejs) has_program node && continue ;;
      npm) has_program npm && continue ;;
    esac
    installed "$name" || echo "$name"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif has_program sudo; then sudo "$@"
  else say "needs root to install packages: run it as root, or install sudo"; exit 2
  fi
}

[ $# -gt 0 ] || { say "usage: install-deps.sh build|test|fuzz|agent|kernel..."; exit 2; }
if ! has_program apt-get; then
  say "no apt-get here: install the equivalents of: $(wanted "$@" | sort -u | tr '\n' ' ')"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if [ -n "$(missing "$@")" ]; then
  say "refreshing the package lists"
  as_root apt-get update -qq
  packages=$(missing "$@" | tr '\n' ' ') # again: a name may be known only now
  say "installing: $packages"
  # shellcheck disable=SC2086 # a list of words
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
  say "installed"
fi
