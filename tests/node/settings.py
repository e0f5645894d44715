"""What a node is told before its sshd starts."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping


def sshd_configuration(more: Mapping[str, str | int]) -> str:
    """Write an sshd_config; the first line of a name counts, so the test's come first."""
    settled: dict[str, str | int] = {
        **more,
        "Port": 22,
        "HostKey": "/etc/node/host_key",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "PermitRootLogin": "no",
        "UsePAM": "yes",
        "UseDNS": "no",
        "SetEnv": "FAKETIME_DISABLE_SHM=1",
        "Subsystem": "sftp /usr/lib/openssh/sftp-server",
    }
    return "".join(f"{name} {more.get(name, value)}\n" for name, value in settled.items())


def archive(files: Mapping[str, str]) -> bytes:
    """Pack a node's settings, root's and for root's eyes."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), 0o600
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()
