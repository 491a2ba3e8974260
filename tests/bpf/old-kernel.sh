#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# old-kernel.sh [KERNEL [TEST...]]: boots another kernel in qemu, without KVM, on a file system of this machine's own
# programs, and runs end-to-end tests there: as tokprof finds the kernel and, where that has newer features, as on the
# oldest one. Where the kernel lacks what is needed, tokprof must refuse it by name.
# KERNEL: a vmlinuz, or a package that has one; default: this distribution's own. TEST: as "test_calls.py matrix", each of
# which takes some 20 times as long as on the machine itself.
# Exit status 77: cannot be done here, and why.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${TOKPROF_BIN_DIR:-$root/build/dev/bin}
kernel=${1:-}
shift || true
# What the tests named here need is small; with others come node and curl.
few=false
[ $# -gt 0 ] || { few=true && set -- test_one_call.py test_record.py; }
seconds=${TOKPROF_GUEST_SECONDS:-1200}

skip() { echo "skipped: $*"; exit 77; }
programs="python3 openssl zstd unshare busybox"
$few || programs="$programs node curl"
for program in qemu-system-x86_64 cpio $programs; do
  command -v "$program" >/dev/null || skip "needs $program; tests/support/install-deps.sh test kernel brings it"
done
[ -x "$bin/tokprof-record" ] || skip "needs tokprof-record in $bin"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The newest kernel image that a meta package leads to; both Debian's and Ubuntu's have one.
find_package() {
  apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances \
    linux-image-cloud-amd64 linux-image-virtual 2>/dev/null |
    grep -E '^linux-image-[0-9]' | grep -v -e unsigned -e dbg | sort -V | tail -1
}

if [ ! -f "$kernel" ]; then
  command -v apt-get >/dev/null || skip "no apt-get here: name a vmlinuz"
  kernel=${kernel:-$(find_package)}
  [ -n "$kernel" ] || skip "no kernel package found: name one, or a vmlinuz"
  (cd "$work" && apt-get -o APT::Sandbox::User=root download -qq "$kernel") || skip "package $kernel cannot be had"
  dpkg -x "$work"/*.deb "$work/package"
  kernel=$(ls "$work"/package/boot/vmlinuz-*)
fi

# add FILE...: with what it links to, under the same path.
guest=$work/guest
add() {
  local file
  for file in "$@"; do
    cp --parents -L "$file" "$guest"
    { ldd "$file" 2>/dev/null | grep -o '/[^ ]*' || true; } | while read -r library; do
      [ -e "$guest$library" ] || cp --parents -L "$library" "$guest"
    done
  done
}

mkdir -p "$guest"/{bin,dev,etc,proc,root,sys,tmp,usr/bin,tokprof/bin}
python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')
add "$python"
for program in $programs; do
  [ "$program" = python3 ] || add "$(command -v "$program")"
done
modules=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
mkdir -p "$guest$modules"
(cd "$modules" && tar c --exclude=test --exclude=idlelib --exclude=lib2to3 --exclude=ensurepip --exclude=dist-packages \
  --exclude=site-packages --exclude='config-*' --exclude='*.a' .) |
  tar x -C "$guest$modules"
find "$modules" -name '*.so' | while read -r module; do add "$module"; done
for file in $(openssl version -d | sed 's/.*"\(.*\)"/\1/')/openssl.cnf /lib/x86_64-linux-gnu/libnss_files.so.2; do
  [ ! -e "$file" ] || add "$file"
done
ln -sf "$python" "$guest/usr/bin/python3"
busybox --install -s "$guest/bin" 2>/dev/null
ln -sf "$(command -v busybox)" "$guest/bin/sh"
mkdir -p "$guest/tokprof/tests"
cp -a "$root/tests/e2e" "$root/tests/support" "$guest/tokprof/tests/"
add "$bin/tokprof" "$bin/tokprof-record"
ln -s "$bin"/tokprof* "$guest/tokprof/bin/"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n' >"$guest/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$guest/etc/group"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$guest/etc/hosts"
printf '%s\n' "$@" >"$guest/tests"
cat >"$guest/init" <<'INIT'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm && mount -t tmpfs shm /dev/shm
export PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root TOKPROF_BIN_DIR=/tokprof/bin PYTHONDONTWRITEBYTECODE=1
export TOKPROF_TEST_SLOWNESS=20
ip link set lo up 2>/dev/null
exec >/dev/console 2>&1 </dev/null
echo "guest: kernel $(uname -r), up $(cut -d' ' -f1 /proc/uptime) s"
cd /tokprof/tests/e2e
failed=0
ran=0
one() { # PATH TEST...
  begin=$(cut -d. -f1 /proc/uptime)
  /usr/bin/python3 "$@"
  status=$?
  echo "guest: $* ($kernel_path): status $status, $(($(cut -d. -f1 /proc/uptime) - begin)) s"
  ran=$((ran + 1))
  [ $status -eq 0 ] || failed=$((failed + 1))
}
/tokprof/bin/tokprof targets --kernel >/found
fits=$?
cat /found
if [ $fits -eq 0 ]; then
  TOKPROF_KERNEL=5.15 /tokprof/bin/tokprof targets --kernel >/oldest
  for kernel_path in found oldest; do
    if [ $kernel_path = oldest ]; then
      cmp -s /found /oldest && break # nothing newer was found
      export TOKPROF_KERNEL=5.15
    fi
    # shellcheck disable=SC2086 # a test and its arguments
    while read -r test; do one $test; done </tests
  done
else
  /tokprof/bin/tokprof record -o /tmp/run.tokrec -- true 2>/tmp/why
  status=$?
  cat /tmp/why
  ran=1
  { [ $status -eq 125 ] && grep -q 'use Linux' /tmp/why; } || failed=1
fi
echo "guest: $ran run, $failed failed"
sync
poweroff -f
INIT
chmod +x "$guest/init"
(cd "$guest" && find . | cpio -o -H newc --quiet) >"$work/guest.cpio"
echo "guest of $(($(stat -c %s "$work/guest.cpio") >> 20)) MiB made in $SECONDS s"

timeout "$seconds" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 -nographic -no-reboot -nic none \
  -kernel "$kernel" -initrd "$work/guest.cpio" -append "console=ttyS0 quiet panic=-1 rdinit=/init mitigations=off" \
  </dev/null | tee "$work/log"
echo "$SECONDS s in all"
grep -aq '^guest: [1-9][0-9]* run, 0 failed' "$work/log"
