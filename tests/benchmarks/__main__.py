"""The figures of the project, made here: load overhead and memory against the bare clients, start-up, an empty drill.

    python -m tests.benchmarks [--megabytes 250] [--pairs 5] [--memory-megabytes 250 1000]

Needs the Docker engine and the images of `restore-lab image build --all`. Every figure is a ratio or a median of one
run on one machine; it prints them and judges nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from restore_lab.demo import BACKUPS, Sample, make_demo
from restore_lab.engines import ENGINES
from restore_lab.engines.arriving import Arriving
from restore_lab.engines.base import HEAD_BYTES, Dump
from restore_lab.engines.mariadb.server import ADMIN, DEFAULT_DATABASE, LiveServer
from restore_lab.engines.postgresql.cluster import BOOTSTRAP, TARGET, Cluster
from restore_lab.sandboxes.base import Machine, Need, Server
from restore_lab.sandboxes.container.driver import Container
from restore_lab.unpack import Measured, peel

COMMAND = str(Path(sys.executable).parent / "restore-lab")
#: About how many bytes of dump one patient makes, found by making some.
BYTES_PER_PATIENT = {"postgresql": 20_000, "mariadb": 20_000}


def main() -> None:
    """Print every figure."""
    arguments = _arguments()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its modules compiled
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {datetime.now(UTC):%Y-%m-%d}")
    _help()
    _empty_drill()
    with tempfile.TemporaryDirectory(prefix="restore-lab-bench-") as folder:
        for engine in ("postgresql", "mariadb") if arguments.pairs else ():
            plain = _plain_dump(engine, arguments.megabytes, Path(folder))
            _overhead(engine, plain, arguments.pairs)
            plain.unlink()
    for megabytes in arguments.memory_megabytes:
        for engine in ("postgresql", "mariadb"):
            _memory(engine, megabytes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=250)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--memory-megabytes", type=int, nargs="*", default=[250, 1000])
    return parser.parse_args()


def _help() -> None:
    seconds = [_timed([COMMAND, "--help"]) for _ in range(9)]
    print(f"--help: median {statistics.median(seconds):.3f} s of 9 (aim 0.25 s)")


EMPTY_DUMP = """--
-- PostgreSQL database dump
--

-- Dumped from database version {series}.0

CREATE TABLE public.entry (id integer PRIMARY KEY, made timestamp NOT NULL);
INSERT INTO public.entry VALUES (1, '{made}');

--
-- PostgreSQL database dump complete
--
"""
EMPTY_SCENARIO = """title = "Smallest drill"
[[restore]]
place = "dossiers"
[[restore.check]]
kind = "integrity"
[[restore.check]]
kind = "counts"
main = ["entry"]
"""


def _empty_drill() -> None:
    """One table, one row, two questions: what a drill costs before there is anything to restore."""
    with tempfile.TemporaryDirectory(prefix="restore-lab-bench-") as folder:
        lab = Path(folder) / "lab"
        now = datetime.now(UTC)
        make_demo(lab, Sample(engine="sqlite", day=now.date()))
        (backup,) = (lab / "backups").iterdir()
        dump = EMPTY_DUMP.format(series=_newest("postgresql").series, made=now.replace(tzinfo=None).isoformat())
        backup.with_suffix(".sql").write_text(dump, "utf-8")
        backup.unlink()
        (lab / "scenarios" / "annual" / "scenario.toml").write_text(EMPTY_SCENARIO, "utf-8")
        os.utime(backup.with_suffix(".sql"), (now.timestamp() - 3600,) * 2)
        argv = [COMMAND, "--lab", str(lab), "run", "--scenario", "annual"]
        first = json.loads(subprocess.run([*argv, "--json"], check=False, capture_output=True).stdout)
        controls = sum(control["seconds"] for control in first["restores"][0]["controls"])
        seconds = [_timed(argv) for _ in range(5)]
    print(
        f"smallest drill to signed report, PostgreSQL in a container, {first['verdict']}: "
        f"median {statistics.median(seconds):.2f} s of 5, its negative controls of {controls:.2f} s included "
        "(aim 6 s without)"
    )


def _plain_dump(engine: str, megabytes: int, folder: Path) -> Path:
    """Make a dump of about that size by the engine's own tool; PostgreSQL's archive is turned into plain SQL."""
    ending, make = BACKUPS[engine]
    path = folder / f"bench.{ending}"
    patients = max(150, megabytes * 1_000_000 // BYTES_PER_PATIENT[engine])
    make(path, Sample(engine=engine, day=datetime.now(UTC).date(), patients=patients))
    if engine == "postgresql":
        plain = folder / "bench.sql"
        with _machine(_newest(engine), path.stat().st_size) as machine, plain.open("wb") as target:
            machine.run(("pg_restore", "-f", "-"), timeout_seconds=3600, stdin=_pieces(path), stdout=target.write)
        path.unlink()
        return plain
    return path


def _overhead(engine: str, dump: Path, pairs: int) -> None:
    ours: list[float] = []
    bare: list[float] = []
    for number in range(pairs):
        order = (_ours, _bare) if number % 2 == 0 else (_bare, _ours)
        for way in order:
            (ours if way is _ours else bare).append(way(engine, dump))
    ratios = [one / other - 1 for one, other in zip(ours, bare, strict=True)]
    print(
        f"{engine}, {dump.stat().st_size / 1e6:.0f} MB plain dump, {pairs} alternating pairs: "
        f"ours {statistics.median(ours):.1f} s, bare client {statistics.median(bare):.1f} s, "
        f"overhead median {statistics.median(ratios):+.1%} (min {min(ratios):+.1%}, max {max(ratios):+.1%})"
    )


def _ours(engine: str, dump: Path) -> float:
    """`load_seconds` of a drill: read, hashed, peeled, looked at, loaded, classified, missing roles replayed."""
    server = _newest(engine)
    with _machine(server, dump.stat().st_size) as machine, dump.open("rb") as stream:
        database = ENGINES[engine]().start(machine, server)
        measured = Measured(stream, lambda _done: None)
        peeled = peel(measured, head_bytes=HEAD_BYTES, most_bytes=10**12)
        return database.load(_recognised(engine, peeled.head), _looked_at(peeled.chunks)).seconds


def _looked_at(chunks: Iterator[bytes]) -> Iterator[bytes]:
    arriving = Arriving(is_dump=True, is_text=True)
    for chunk in chunks:
        arriving.look(chunk)
        yield chunk


def _bare(engine: str, dump: Path) -> float:
    """Seconds of the same bytes into the same server by `docker exec` and the native client."""
    server = _newest(engine)
    with _machine(server, dump.stat().st_size) as machine, dump.open("rb") as stream:
        ENGINES[engine]().start(machine, server)
        argv = ["docker", "exec", "-i", *_client(engine, machine, server)]
        started = time.monotonic()
        subprocess.run(argv, stdin=stream, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return time.monotonic() - started


def _client(engine: str, machine: Machine, server: Server) -> list[str]:
    container = machine.handle.machine_id
    if engine == "mariadb":
        return [container, *LiveServer(machine=machine).client(ADMIN), f"--database={DEFAULT_DATABASE}"]
    environment = Cluster(machine=machine, series=server.series).environment(BOOTSTRAP, TARGET, {})
    words = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
    return [*words, container, "psql", "--no-psqlrc", "--quiet"]


def _memory(engine: str, megabytes: int) -> None:
    """Peak memory of the whole command for a backup of that size; the container's memory is not ours and not in it."""
    with tempfile.TemporaryDirectory(prefix="restore-lab-bench-") as folder:
        lab = Path(folder) / "lab"
        patients = max(150, megabytes * 1_000_000 // BYTES_PER_PATIENT[engine])
        make_demo(lab, Sample(engine=engine, day=datetime.now(UTC).date(), patients=patients))
        argv = [COMMAND, "--lab", str(lab), "run", "--scenario", "annual", "--json"]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            evidence = json.loads(process.stdout.read())
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
    restore = evidence["restores"][0]
    rows = sum(table["rows"] for table in restore["tables"])
    print(
        f"{engine}, about {megabytes} MB of data ({restore['read_bytes'] / 1e6:.0f} MB backup, {rows} rows): "
        f"{evidence['verdict']}, peak memory {used.ru_maxrss / 1024:.0f} MiB (aim 150)"
    )


def _newest(engine: str) -> Server:
    return next(one for one in reversed(ENGINES[engine]().offered()) if Container().lacks(one) is None)


def _machine(server: Server, size: int) -> AbstractContextManager[Machine]:
    need = Need(
        lab_id="benchmarks",
        drill_id="benchmarks",
        restore_id=server.engine,
        server=server,
        backup_bytes=size,
        memory_bytes=2 * 1024**3,
        expires_at=datetime.now(UTC) + timedelta(hours=2),
    )
    return Container().machine(need)


def _recognised(engine: str, head: bytes) -> Dump:
    dump = ENGINES[engine]().recognise(head)
    assert dump is not None
    return dump


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(1024 * 1024):
            yield piece


def _timed(argv: list[str]) -> float:
    started = time.monotonic()
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - started


if __name__ == "__main__":
    main()
