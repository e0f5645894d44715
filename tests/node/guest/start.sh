#!/bin/sh
# Take the settings a test gave, set up the network, start sshd.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Settings come as a tar archive on the second disk; on the card they are there from the boot before.
mkdir -p /etc/node
tar -x -f /dev/vdb -C /etc/node
admit() { # user, home
  mkdir -p "$2/.ssh"
  cp /etc/node/authorized_keys "$2/.ssh/authorized_keys"
  chmod 0700 "$2" "$2/.ssh"
  chmod 0600 "$2/.ssh/authorized_keys"
  chown -R "$1:$1" "$2/.ssh"
  chown "$1:$1" "$2"
}
admit pi /home/pi
read -r account < /etc/node/account
if [ -n "$account" ]; then
  if ! grep -q "^$account:" /etc/passwd; then
    echo "$account:x:10001:10001::/home/$account:/bin/sh" >> /etc/passwd
    echo "$account:x:10001:" >> /etc/group
    echo "$account:*:20000:0:99999:7:::" >> /etc/shadow
  fi
  admit "$account" "/home/$account"
fi

ip link set lo up
for card in /sys/class/net/e*; do
  ip address add 10.0.2.15/24 dev "${card##*/}"
  ip link set "${card##*/}" up
done
ip route add default via 10.0.2.2
mkdir -p /run/sshd
/usr/sbin/sshd -f /etc/node/sshd_config -E /var/log/sshd.log
read -r up _ < /proc/uptime
echo "node: sshd is up, $up s after the kernel began" > /dev/console
