"""Hostile backups of PostgreSQL that exhaust the machine, break it, or are named to hurt."""

from __future__ import annotations

from typing import Final

from hostile.cases import SMALL, Case, on_both
from hostile.cases_postgresql import PG

from restore_lab.findings import Code

_ENDS_WITH_IT: Final = "its processes end with the machine; every row is there"
_DAEMON: Final = 'cat >/dev/null; setsid nohup bash -c "(trap : HUP TERM INT; @SH@; sleep @NUMBER@) &"'
#: It does not die of its own hunger: perl goes on where a shell gives up.
_FORKS: Final = 'perl -e "fork while 1" & sleep 3'
_INTO_THE_DEEP: Final = (
    "cd /machine; d=dddddddd; d=$d/$d; d=$d/$d; d=$d/$d; d=$d/$d; d=$d/$d; i=0; "
    "while [ $i -lt {times} ]; do mkdir -p $d; cd -P $d; i=$((i+1)); done"
)
_FILL: Final = "for n in 1 2 3; do head -c 1500000000 /dev/zero >{file}; done; sleep 3"
_NOTHING_RUNS: Final = "exec 2>/dev/null; mount -t proc p /proc; unshare -Urm true"
_OUT: Final = (
    f"{_NOTHING_RUNS}; for p in /proc/1/root /proc/self/root /machine/..; do echo x >$p@FOLDER@/@TOKEN@; done; "
    "echo x >/proc/sys/kernel/core_pattern; mknod /tmp/sda b 8 0; cat /tmp/sda /dev/sda /dev/mem; "
    "nsenter -t 1 -a touch @FOLDER@/@TOKEN@; chroot /proc/1/root touch @FOLDER@/@TOKEN@; "
    "curl --unix-socket /var/run/docker.sock http://x/containers/json; @SH@"
)
_BOMBS: Final = (
    PG.unknown(
        "multiplied",
        "rows multiplied without end (`generate_series`)",
        "CREATE TABLE public.rows AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 10000000000) g;",
        Code.MACHINE_DISK_FULL,
    ),
    PG.unknown(
        "multiplied-in-container",
        "rows multiplied without end (`generate_series`)",
        "CREATE TABLE public.rows AS SELECT g, repeat(md5(g::text), 20) FROM generate_series(1, 10000000000) g;",
        Code.MACHINE_DISK_FULL,
        machine="container",
        limits=SMALL,
    ),
    PG.passes(
        "cross-join",
        "a view without end (a table joined with itself)",
        f"CREATE VIEW public.endless AS SELECT 1 FROM {', '.join(f'public.consultation a{n}' for n in range(5))};",
        "a view that takes too long is left; every row is there",
    ),
    PG.unknown(
        "fork-bomb",
        "a fork bomb, by `COPY ... TO PROGRAM`",
        f"COPY public.patient TO PROGRAM '{_FORKS}';",
        Code.SERVER_FAILED,
    ),
    PG.unknown(
        "fork-bomb-in-container",
        "a fork bomb, by `COPY ... TO PROGRAM`",
        f"COPY public.patient TO PROGRAM '{_FORKS}';",
        Code.MACHINE_FAILED,
        machine="container",
    ),
    PG.unknown(
        "memory-bomb",
        "memory without end, by the client and by the server",
        r"""
\! tail /dev/zero
SELECT array_agg(repeat('x' || g, 1000000)) FROM generate_series(1, 1000000) g;
""",
        Code.MACHINE_OUT_OF_MEMORY,
    ),
    PG.unknown(
        "memory-bomb-in-container",
        "memory without end, by the server",
        "SELECT array_agg(repeat('x' || g, 1000000)) FROM generate_series(1, 1000000) g;",
        Code.MACHINE_OUT_OF_MEMORY,
        machine="container",
        limits=SMALL,
    ),
    PG.unknown(
        "memory-view",
        "a view that takes memory without end when it is asked",
        "CREATE VIEW public.heavy AS SELECT array_agg(repeat('x' || g, 1000000)) FROM generate_series(1, 1000000) g;",
        Code.CHECK_BROKEN,
        Code.CONTROL_NOT_RUN,
        machine="container",
        limits=SMALL,
    ),
    PG.unknown(
        "nameless-files",
        "4.5 GB in files that have no name any more",
        'COPY public.patient TO PROGRAM \'cd /machine; for n in 3 4 5; do eval "exec $n>bomb$n"; done; rm bomb*; '
        "for n in 3 4 5; do head -c 1500000000 /dev/zero >&$n; done; sleep 3';",
        Code.MACHINE_DISK_FULL,
    ),
    PG.unknown(
        "hidden-in-the-deep",
        "4.5 GB below folders too deep for any path to name",
        f"COPY public.patient TO PROGRAM '{_INTO_THE_DEEP.format(times=30)}; {_FILL.format(file='bomb$n')}';",
        Code.MACHINE_DISK_FULL,
    ),
    PG.passes(
        "temporary-files",
        "4.5 GB into the machine's /tmp, which lies in memory",
        f"COPY public.patient TO PROGRAM '{_FILL.format(file='/tmp/bomb$n')}';",  # noqa: S108 - the machine's own
        "that folder takes 256 MB and no more",
    ),
)
_BREAKS: Final = (
    *on_both(
        PG.passes(
            "daemon",
            "a process that outlives its client and heeds no signal",
            f"COPY public.patient TO PROGRAM '{_DAEMON}';",
            _ENDS_WITH_IT,
            runs=True,
        )
    ),
    PG.unknown(
        "kill-all",
        "`kill -9 -1` by the client and by the server",
        "\\! kill -9 -1\nCOPY public.patient TO PROGRAM 'kill -9 -1';",
        Code.SERVER_FAILED,
    ),
    PG.unknown(
        "kill-all-in-container",
        "`kill -9 -1` by the server",
        "COPY public.patient TO PROGRAM 'kill -9 -1';",
        Code.MACHINE_FAILED,
        machine="container",
    ),
    PG.unknown("wiped", "the machine's folder emptied under the server", r"\! rm -rf /machine/*", Code.SERVER_FAILED),
    PG.passes(
        "links-in-machine",
        "links to folders of the host, a locked folder, a FIFO, for whoever removes the machine",
        r"\! cd /machine; ln -s @FOLDER@/kept kept; ln -s @FOLDER@ canaries; ln -s /etc etc; mkdir locked; "
        "touch locked/x; ln -s /proc/self/root locked/root; chmod 000 locked; mkfifo fifo; mknod node c 1 3",
        "removal follows no link; every row is there",
        daily=True,
    ),
    PG.unknown(
        "deep-folders",
        "1,920 folders within each other, for whoever removes the machine",
        rf"\! {_INTO_THE_DEEP.format(times=60)}; echo x >deep",
        Code.MACHINE_DISK_FULL,
        daily=True,
    ),
    *(
        PG.passes(
            f"breakout{ending}",
            "mounts, namespaces, the host's root by /proc, devices, Docker's socket, kernel settings",
            rf"\! {_OUT}",
            "nothing of it is there or allowed; every row is there",
            runs=True,
            machine=machine,
            daily=machine == "container",
        )
        for machine, ending in (("local", ""), ("container", "-in-container"))
    ),
    PG.unknown(
        "ours-dropped",
        "our accounts looked up and dropped",
        """
DO $$ DECLARE r text; BEGIN
FOR r IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'restore_lab%' LOOP
EXECUTE format('ALTER ROLE %I NOSUPERUSER NOLOGIN', r); EXECUTE format('DROP ROLE %I', r); END LOOP; END $$;
""",
        Code.SERVER_FAILED,
    ),
)
_BYTES: Final = (
    PG.failed(
        "endless-line",
        "a statement of 80 MB in one line that never ends",
        "",
        Code.LOAD_ERRORS,
        Code.END_MARK_ABSENT,
        making=lambda _, whole: whole + b"INSERT INTO public.parametre VALUES ('x', '" + b"y" * 80_000_000,
    ),
    PG.failed(
        "nuls",
        "NULs in a value and between statements",
        "",
        Code.LOAD_ERRORS,
        making=lambda _, whole: whole + b"INSERT INTO public.parametre VALUES ('a\x00b', 'c');\n\x00\x00\nSELECT 1;\n",
    ),
    PG.failed(
        "not-utf8",
        "bytes that are no UTF-8, in a value and in a name",
        "",
        Code.LOAD_ERRORS,
        making=lambda _, whole: (
            whole
            + b"INSERT INTO public.parametre VALUES ('a\xff\xfe\xc3(', 'c');\n"
            + b'CREATE TABLE public."\xe9\xff" (id int);\n'
        ),
    ),
    PG.passes(
        "terminal-names",
        "names that steer a terminal or turn the text around",
        """
CREATE TABLE public."\x1b]0;@TOKEN@\x07\x1b[2J" (id int);
CREATE SCHEMA "\u202egnp";
CREATE TABLE "\u202egnp"."\u009b31m" (id int);
CREATE VIEW public."\x1b]0;@TOKEN@\x07v" AS SELECT 1/0 AS x;
""",
        "names are escaped wherever they are told",
        Code.VIEW_UNUSABLE,
    ),
    PG.passes(
        "option-names",
        "names that look like options, statements, connections and psql's commands",
        r"""
CREATE TABLE public."--help" (id int primary key);
CREATE TABLE public."-rf" (id int);
CREATE TABLE public."--" ("--" int);
CREATE TABLE public."'; DROP TABLE public.patient; --" (id int);
CREATE TABLE public.""&; DROP TABLE public.patient; --" (id int);
CREATE SCHEMA "\! @SH@";
CREATE TABLE "\! @SH@"."\! touch @TOKEN@" (id int);
CREATE DATABASE "host=@ADDRESS@ port=@PORT@";
CREATE DATABASE "--version";
""".replace("&", '"'),
        "names are quoted, and travel on no command line",
    ),
    PG.passes(
        "markup-names",
        "names that are Typst, HTML, or headers of a mail",
        """
CREATE VIEW public."#read(""/etc/passwd"")" AS SELECT 1/0 AS x;
CREATE VIEW public."<script>alert(1)</script><img src=http://@ADDRESS@:@PORT@>" AS SELECT 1/0 AS x;
CREATE VIEW public."x\r\nBcc: @TOKEN@@example.org\r\n\r\n" AS SELECT 1/0 AS x;
CREATE VIEW public."$ #panic() *_`{{{{%s%n" AS SELECT 1/0 AS x;
""",
        "names are only text in the report, and not in the mail",
        Code.VIEW_UNUSABLE,
    ),
    PG.passes(
        "ten-thousand-tables",
        "ten thousand tables",
        "",
        "each is counted; every row is there",
        making=lambda _, whole: whole.replace(
            b"\nCOPY public.",
            b"".join(b"\nCREATE TABLE public.t%d (id int);" % number for number in range(10_000)) + b"\nCOPY public.",
            1,
        ),
    ),
)
CASES: Final[tuple[Case, ...]] = (*_BOMBS, *_BREAKS, *_BYTES)
