#!/bin/sh
# PID 1 of a virtual machine that is a node: mount what a Pi has mounted, start sshd, reap.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs -o nosuid,nodev,mode=755,size=20% run /run
mkdir -p /run/sshd /run/lock /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620 devpts /dev/pts
mount -t tmpfs -o nosuid,nodev shm /dev/shm
ln -sfn /proc/self/fd /dev/fd
hostname rpi-node

sh /usr/sbin/node-start
while :; do
  sleep 86400 &
  wait $!
done
