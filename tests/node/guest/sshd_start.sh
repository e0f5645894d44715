# PID 1 of a container that is a node: take the options a test gave (NODE_...), then be sshd.

admit() { # user
  home=$(getent passwd "$1" | cut -d : -f 6)
  install -d -m 0700 -o "$1" -g "$1" "$home" "$home/.ssh"
  install -m 0600 -o "$1" -g "$1" /etc/node/authorized_keys "$home/.ssh/authorized_keys"
}

if [ -n "${NODE_ACCOUNT:-}" ]; then
  useradd --uid 10001 --shell /bin/sh --create-home "$NODE_ACCOUNT"
  admit "$NODE_ACCOUNT"
fi
admit pi

# The second, whole /proc is what lets users without rights mount one of their own, as on a bare machine.
mkdir -p /run/node/proc
mount -t proc proc /run/node/proc
install -m 0444 /etc/node/meminfo /run/node/meminfo
mount --bind /run/node/meminfo /proc/meminfo

for package in ${NODE_WITHOUT:-}; do
  dpkg --remove --force-depends "$package" >/dev/null 2>&1
done

if [ -n "${NODE_MACHINE:-}" ]; then # what `uname -m` answers
  mv /usr/bin/uname /usr/bin/uname.real
  printf '#!/bin/sh\n[ "$*" = -m ] && exec echo %s\nexec /usr/bin/uname.real "$@"\n' "$NODE_MACHINE" > /usr/bin/uname
  chmod 0755 /usr/bin/uname
fi
if [ -n "${NODE_ARCHITECTURE:-}" ]; then # what `dpkg --print-architecture` answers
  mv /usr/bin/dpkg /usr/bin/dpkg.real
  printf '#!/bin/sh\n[ "$*" = --print-architecture ] && exec echo %s\nexec /usr/bin/dpkg.real "$@"\n' \
    "$NODE_ARCHITECTURE" > /usr/bin/dpkg
  chmod 0755 /usr/bin/dpkg
fi

if [ -n "${NODE_CLOCK:-}" ]; then # as libfaketime writes it: -400d, +2h
  echo "$NODE_CLOCK" > /etc/faketimerc
  find /usr/lib -name libfaketime.so.1 > /etc/ld.so.preload
fi

exec /usr/sbin/sshd -D -e -f /etc/node/sshd_config
