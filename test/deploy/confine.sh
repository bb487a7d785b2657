#!/bin/sh
# Runs a command as the containers do: user 10001, no capabilities, no new privileges, a root file system that is
# read-only but for /var/lib/canardstack and /tmp, and a network of its own with nothing but loopback.
# HOST_NAME (in a UTS namespace of its own), RESOLV_CONF and BOOT_ID (files) make it a machine of its own.
# Called by root inside `unshare --mount --net --pid --fork`: confine.sh ROOT DIST MODULES EXTENSIONS NODE DATA COMMAND...
set -eu
root=$1 dist=$2 modules=$3 extensions=$4 node=$5 data=$6
shift 6
mount --make-rprivate /
[ -z "${HOST_NAME:-}" ] || hostname "$HOST_NAME"
mount -t tmpfs -o size=16m tmpfs "$root"
cd "$root"
mkdir -p usr etc opt/canardstack/dist opt/canardstack/node_modules opt/canardstack/extensions opt/bin \
  var/lib/canardstack tmp proc dev sys
for name in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$name" ]; then ln -s "usr/$name" "$name"; elif [ -d "/$name" ]; then mkdir "$name" && mount --bind "/$name" "$name"; fi
done
read_only() { mount --bind "$1" "$2" && mount -o remount,bind,ro "$2"; }
read_only /usr usr
read_only /etc etc
[ -z "${RESOLV_CONF:-}" ] || mount --bind "$RESOLV_CONF" etc/resolv.conf
read_only "$dist" opt/canardstack/dist
read_only "$modules" opt/canardstack/node_modules
read_only "$extensions" opt/canardstack/extensions
touch opt/bin/node
read_only "$node" opt/bin/node
cp "$OLDPWD/package.json" opt/canardstack/
mount --bind "$data" var/lib/canardstack
mount -t tmpfs -o size=64m,mode=1777 tmpfs tmp
mount -t proc proc proc
[ -z "${BOOT_ID:-}" ] || mount --bind "$BOOT_ID" proc/sys/kernel/random/boot_id
mount --rbind /dev dev
mount --rbind /sys sys
mount -o remount,ro "$root"
ip link set lo up
unset HOST_NAME RESOLV_CONF BOOT_ID
exec chroot "$root" setpriv --reuid=10001 --regid=10001 --clear-groups --no-new-privs \
  --bounding-set=-all --inh-caps=-all "$@"
