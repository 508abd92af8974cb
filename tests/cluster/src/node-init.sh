#!/bin/sh
# node-init.sh FOLDER NAME PAUSE: process 1 of a node, in mount, process, network and host name namespaces of its own.
# Gives the node its own /etc, /var and /run over the machine's, then holds the namespaces open and reaps.
set -eu
folder=$1 name=$2 pause=$3

hostname "$name"
for part in etc var; do
  mkdir -p "$folder/disk/$part" "$folder/disk/.$part"
  mount -t overlay overlay -o "lowerdir=/$part,upperdir=$folder/disk/$part,workdir=$folder/disk/.$part" "/$part"
done
mount --bind "$folder/run" /run
# Not on an overlay: containerd's own overlays could not stand on one. /var/lib/kubelet has mounts of its own.
for part in containerd kubelet; do
  mkdir -p "$folder/disk/$part" "/var/lib/$part"
  mount --bind "$folder/disk/$part" "/var/lib/$part"
done
mkdir -p /run/containerd /var/lib/cni /var/log/pods /var/log/containers /etc/cni /etc/containerd
rm -rf /etc/cni/net.d /etc/containerd/certs.d
cp -r "$folder/files/net.d" /etc/cni/net.d
cp -r "$folder/files/certs.d" /etc/containerd/certs.d
# A link there may lead out of /etc (systemd-resolved); an empty file means that only the cluster's names are known.
rm -f /etc/resolv.conf
: >/etc/resolv.conf

# The kubelet sets these for the whole machine: it gets files instead, and the machine stays as it is.
mkdir -p "$folder/run/sysctl"
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  [ -e "/proc/sys/$setting" ] || continue
  copy=$folder/run/sysctl/$(echo "$setting" | tr / -)
  cat "/proc/sys/$setting" >"$copy"
  mount --bind "$copy" "/proc/sys/$setting"
done
# What a container mounts with "Bidirectional" must reach its neighbours, and what it bind mounts must reach it.
mount --make-rshared /

ip link set lo up
sysctl -qw net.ipv4.ip_forward=1
: >"$folder/run/ready"
exec "$pause"
