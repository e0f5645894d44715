"""A schedule under a real systemd, PID 1 of a container: what it starts, what it catches up, what it leaves."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from needs import docker_engine

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]
COMMAND = "/opt/venv/bin/restore-lab"
TAG = "restore-lab/test-systemd:bookworm"
#: What an init and its services need, and not `--privileged`, which asks for more than some engines may give.
CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "DAC_READ_SEARCH", "SYS_NICE", "SYSLOG")
DOCKERFILE = """\
FROM restore-lab/base:bookworm
USER root
RUN apt-get update && apt-get install --yes bubblewrap cron dbus dbus-user-session libpam-systemd python3-venv \\
      systemd systemd-sysv && rm -rf /var/lib/apt/lists/*
COPY authorities.pem requirements.txt /root/
ARG PIP_INDEX_URL
RUN python3 -m venv /opt/venv && PIP_CERT=/root/authorities.pem /opt/venv/bin/pip install -q -r /root/requirements.txt
RUN useradd --create-home contractor
CMD ["/bin/sh", "-c", "mount -o remount,rw /sys/fs/cgroup; mount --make-rshared /; exec /sbin/init"]
"""
#: Puts the phrase `phrase` on the signing key of the lab in this folder.
LOCK_KEY = """
from pathlib import Path
from cryptography.hazmat.primitives.serialization import *
path = Path("keys/signing-key.pem")
key = load_pem_private_key(path.read_bytes(), None)
path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase")))
"""


def _ran(*words: str, timeout: int = 300) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=timeout)
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@dataclass(frozen=True)
class Booted:
    """A machine that was booted with systemd; `sh` is its root's shell."""

    container: str

    def sh(self, script: str, *, user: str = "root", code: int = 0) -> str:
        done = subprocess.run(
            ["docker", "exec", "--user", user, self.container, "/bin/bash", "-euc", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"{script}\n{done.stdout}\n{done.stderr}\n{self.journal()}"
        return done.stdout

    def journal(self) -> str:
        read = ["docker", "exec", self.container, "journalctl", "--no-pager", "--lines", "40"]
        return subprocess.run(read, capture_output=True, text=True, check=False).stdout

    def unit(self, lab: str) -> str:
        (shown,) = json.loads(self.sh(f"{COMMAND} --lab {lab} schedule show --json"))
        return str(shown["name"])

    def drills(self, lab: str, *, code: int = 0) -> list[str]:
        entries = json.loads(self.sh(f"{COMMAND} --lab {lab} register list --json", code=code))
        return [str(entry["verdict"]) for entry in entries if entry["type"] == "closed"]

    def wait_for(self, condition: str) -> None:
        self.sh(f"for _ in $(seq 240); do if {condition}; then exit 0; fi; sleep 0.25; done; exit 1")


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Booted]:
    docker_engine()
    folder = tmp_path_factory.mktemp("image")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    (folder / "requirements.txt").write_text("\n".join(wanted) + "\n", "utf-8")
    (folder / "Dockerfile").write_text(DOCKERFILE, "utf-8")
    authorities = os.environ.get("PIP_CERT") or ssl.get_default_verify_paths().cafile or ""
    shutil.copy(authorities, folder / "authorities.pem")
    wheels = tmp_path_factory.mktemp("wheel")
    _ran(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(wheels), str(ROOT))
    _ran("docker", "build", "-q", "-t", TAG, "--build-arg", "PIP_INDEX_URL", str(folder), timeout=600)
    capabilities = [f"--cap-add={name}" for name in CAPABILITIES]
    unconfined = [f"--security-opt={what}=unconfined" for what in ("seccomp", "apparmor", "systempaths")]
    held = [*capabilities, *unconfined, "--cgroupns=private", "--shm-size=2g", "--env=container=docker"]
    held += ["--tmpfs=/run:exec", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec"]
    container = _ran("docker", "run", "--detach", *held, TAG).strip()
    try:
        machine = Booted(container)
        machine.wait_for('[ "$(systemctl is-system-running)" = running ]')
        _ran("docker", "cp", f"{wheels}/.", f"{container}:/root/wheels")
        machine.sh("/opt/venv/bin/pip install -q --no-deps /root/wheels/*.whl")
        machine.sh(f"{COMMAND} demo --engine sqlite /srv/demo; rm -r /srv/demo/reports")
        yield machine
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", container], capture_output=True, check=False)


def _lab(booted: Booted, name: str, *, owner: str = "root") -> str:
    """Make a lab that was never tested; its drill is due."""
    lab = f"/home/{owner}/{name}" if owner != "root" else f"/srv/{name}"
    booted.sh(f"cp -a /srv/demo {lab}; chown -R {owner}: {lab}")
    return lab


def test_the_timers_service_runs_what_is_due_and_then_nothing(booted: Booted) -> None:
    lab = _lab(booted, "due")
    booted.sh(f"{COMMAND} --lab {lab} schedule install --scenario annual --system")
    unit = booted.unit(lab)
    assert "never tested" in booted.sh(f"{COMMAND} --lab {lab} status", code=1)

    booted.sh(f"systemctl start {unit}.service")

    assert booted.drills(lab) == ["PASSED"]
    assert booted.sh(f"{COMMAND} --lab {lab} status").split()[:2] == ["annual", "due"]
    evidence = json.loads(
        booted.sh(f'base64 -d < <(sed -E \'s/^."payload":"([^"]*)".*/\\1/\' {lab}/reports/2*/*/evidence.dsse.json)')
    )
    assert '"isolation": "sealed"' in json.dumps(evidence)
    booted.sh(f"systemctl start {unit}.service")
    assert booted.drills(lab) == ["PASSED"]
    assert "annual: nothing to do, due" in booted.sh(f"journalctl --unit {unit}.service")


def test_a_machine_asleep_on_the_day_catches_up(booted: Booted) -> None:
    lab = _lab(booted, "asleep")
    booted.sh(f"{COMMAND} --lab {lab} schedule install --scenario annual --system")
    unit = booted.unit(lab)
    booted.sh(
        f"systemctl stop {unit}.timer; sed -i s/30min/0/ /etc/systemd/system/{unit}.timer; systemctl daemon-reload"
    )
    booted.sh(f"touch -d '3 days ago' /var/lib/systemd/timers/stamp-{unit}.timer")

    booted.sh(f"systemctl start {unit}.timer")

    booted.wait_for(f"{COMMAND} --lab {lab} status")
    assert booted.drills(lab) == ["PASSED"]


def test_a_lab_of_another_account_is_drilled_by_that_account_without_a_capability_with_a_credential(
    booted: Booted,
) -> None:
    lab = _lab(booted, "theirs", owner="contractor")
    _lock_key(booted, lab)
    install = f"{COMMAND} --lab {lab} schedule install --scenario annual"
    booted.sh(f"{install} 2>&1 | sed -n 's/ *\\(install -D .*\\)/printf phrase | \\1/p' > ~/put; [ -s ~/put ]; . ~/put")
    assert "runs as contractor" in booted.sh(install)
    unit = f"/etc/systemd/system/{booted.unit(lab)}.service"
    (secret,) = booted.sh(f"sed -n 's/^LoadCredential=PHRASE://p' {unit}").split()
    assert booted.sh(f"stat -c '%U %a' {secret}").split() == ["root", "600"]

    booted.sh(f"systemctl start {booted.unit(lab)}.service")

    assert booted.drills(lab) == ["PASSED"]
    assert booted.sh(f"find {lab}/reports ! -user contractor") == ""


def _lock_key(booted: Booted, lab: str) -> None:
    """Put a phrase on the signing key of a contractor's lab, and have the lab ask the environment for it."""
    booted.sh(f"cd {lab}; /opt/venv/bin/python -W ignore -c '{LOCK_KEY}'", user="contractor")
    booted.sh(f"cd {lab}; sed -i '/^key = /a passphrase = {{ env = \"PHRASE\" }}' lab.toml", user="contractor")


def test_a_user_without_root_schedules_by_their_own_systemd_with_a_credential(booted: Booted) -> None:
    lab = _lab(booted, "own", owner="contractor")
    booted.sh("loginctl enable-linger contractor")
    booted.wait_for("[ -S /run/user/$(id -u contractor)/systemd/private ]")

    def theirs(script: str) -> str:
        return booted.sh(f"export XDG_RUNTIME_DIR=/run/user/$(id -u); cd {lab}; {script}", user="contractor")

    _lock_key(booted, lab)
    install = f"{COMMAND} --lab {lab} schedule install --scenario annual"
    theirs(f"{install} 2>&1 | sed -n 's/ *\\(install -D .*\\)/printf phrase | \\1/p' > ~/put; [ -s ~/put ]")
    theirs(f". ~/put; {install} --user")

    theirs("systemctl --user start $(cd ~/.config/systemd/user; ls restore-lab-own-*.service)")

    assert booted.drills(lab) == ["PASSED"]


def test_a_drill_that_is_killed_leaves_no_copy_and_is_on_record(booted: Booted) -> None:
    lab = _lab(booted, "killed")
    script = "import sqlite3; d = sqlite3.connect('b'); d.execute('create table t(x)');"
    script += "d.executemany('insert into t values (?)', (('x' * 1000,) for _ in range(400000))); d.commit()"
    booted.sh(f"cd {lab}/backups; /opt/venv/bin/python -c \"{script}\"; touch -d '1 hour ago' b; mv -f b *.sqlite")
    booted.sh(f"{COMMAND} --lab {lab} schedule install --scenario annual")
    unit = booted.unit(lab)
    held = f'grep -ls \'"lab": "\'$(printf %s {lab} | sha256sum | cut -c 1-16) /dev/shm/restore-lab-*/label.json'

    booted.sh(f"systemctl start --no-block {unit}.service")
    booted.wait_for(f"{held} > /dev/null")
    booted.sh(f"systemctl kill --signal KILL {unit}.service")
    booted.wait_for(f"[ $(systemctl show -P ActiveState {unit}.service) = failed ]")

    booted.sh(held, code=2)
    assert booted.drills(lab) == ["INCONCLUSIVE"]
    assert "ABANDONED" in booted.sh(f"{COMMAND} --lab {lab} status", code=1)


def test_show_and_remove_touch_only_what_is_ours(booted: Booted) -> None:
    lab, other = _lab(booted, "mine"), _lab(booted, "other")
    foreign = "/etc/systemd/system/restore-lab-mine-annual.timer"
    booted.sh(f"printf '[Timer]\\nOnCalendar=daily\\n' > {foreign}")
    for one in (lab, other):
        booted.sh(f"{COMMAND} --lab {one} schedule install --scenario annual")
    unit, kept = booted.unit(lab), booted.unit(other)

    booted.sh(f"{COMMAND} --lab {lab} schedule remove --scenario annual")

    assert booted.sh(f"find /etc/systemd /var/lib/systemd/timers -name '*{unit}*'") == ""
    booted.sh(f"test -e {foreign} -a -e /etc/systemd/system/{kept}.service; systemctl is-active {kept}.timer")
    assert "nothing is scheduled" in booted.sh(f"{COMMAND} --lab {lab} schedule show")
    booted.sh(f"{COMMAND} --lab {lab} schedule remove --scenario annual", code=2)


def test_without_systemd_it_is_a_line_of_crontab(booted: Booted) -> None:
    lab = _lab(booted, "cron")
    booted.sh("echo '0 0 1 1 * true' | crontab -")
    unbooted = f"unshare --mount sh -euc 'mount -t tmpfs none /run/systemd; {COMMAND} --lab {lab} schedule"
    booted.sh(f"{unbooted} install --scenario annual --system'", code=2)

    for _ in range(2):
        booted.sh(f"{unbooted} install --scenario annual'")
    assert booted.sh("crontab -l | wc -l").strip() == "2"
    booted.sh("crontab -l | grep -v ^0 | cut -d' ' -f6- | sh")  # as cron would
    assert booted.drills(lab) == ["PASSED"]
    assert json.loads(booted.sh(f"{COMMAND} --lab {lab} schedule show --json"))[0]["by"] == "cron"
    booted.sh(f"{COMMAND} --lab {lab} schedule remove --scenario annual")
    assert booted.sh("crontab -l") == "0 0 1 1 * true\n"


def test_a_drill_by_itself_has_nobody_to_type_a_secret(booted: Booted) -> None:
    lab = _lab(booted, "typed")
    booted.sh(f"sed -i '/^key = /a passphrase = {{ prompt = true }}' {lab}/lab.toml")

    booted.sh(f"{COMMAND} --lab {lab} schedule install --scenario annual", code=2)
    booted.sh("ls /etc/systemd/system/restore-lab-typed-*", code=2)


def test_a_register_that_was_tampered_with_is_told_every_day(booted: Booted) -> None:
    lab = _lab(booted, "tampered")
    booted.sh(f"{COMMAND} --lab {lab} run --scenario annual --when-due; rm {lab}/reports/2*/*/report.pdf")

    booted.sh(f"{COMMAND} --lab {lab} run --scenario annual --when-due", code=5)
    booted.sh(f"{COMMAND} --lab {lab} status --json", code=5)
    assert booted.drills(lab, code=5) == ["PASSED"]
