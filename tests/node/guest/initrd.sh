#!/bin/sh
# The first program of a virtual machine: load the drivers of its disk, mount it, go there.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do
  insmod "/modules/$module.ko" || echo "initrd: $module was not loaded"
done < /modules/order
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
mount -t ext4 -o rw,noatime /dev/vda /root || echo "initrd: no root file system"
mount --move /dev /root/dev
umount /proc /sys
exec switch_root /root /sbin/init
