"""Hostile backups of MariaDB."""

from __future__ import annotations

from typing import Final

from hostile.cases import SMALL, Case, Making, Rows, on_both
from hostile.escapes import Canaries

from restore_lab.findings import Code

_MY: Final = Rows(engine="mariadb", prefix="mariadb-")
_QUICK: Final = 'engine = { kind = "mariadb", load_timeout_seconds = 8 }'
_MUCH: Final = "".join(f"SET @a{number} = REPEAT('x', 1000000000);\n" for number in range(12))
_NAMED: Final = """
SET @told = COALESCE(LOAD_FILE('@FOLDER@/secret'), 'none');
EXECUTE IMMEDIATE CONCAT('CREATE TABLE `', REPLACE(@told, '\\n', ''), '` (id INT)');
"""
_KILLS: Final = """
DELIMITER ;;
CREATE PROCEDURE kills() BEGIN
DECLARE n INT DEFAULT 1;
WHILE n < 100 DO
  BEGIN
    DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;
    IF n <> CONNECTION_ID() THEN EXECUTE IMMEDIATE CONCAT('KILL ', n); END IF;
  END;
  SET n = n + 1;
END WHILE;
END;;
DELIMITER ;
CALL kills();
DROP PROCEDURE kills;
"""
_LOCKED: Final = (
    '{"access":0,"plugin":"mysql_native_password","authentication_string":"","account_locked":true}'  # no password
)
_ABSENT_VIEW: Final = "CREATE VIEW `{name}` AS SELECT * FROM soon_gone;\n"

#: Commands of the client; its sandbox refuses them all.
_CLIENT: Final = (
    *on_both(
        _MY.failed(
            "shell",
            r"`system`, `\!` in a dump without a sandbox of its own",
            "system @SH@;\n\\! @SH@\nsystem @SH@",
            Code.LOAD_ERRORS,
        )
    ),
    _MY.failed(
        "source",
        r"`source`, `\.`: files of the host read as SQL",
        "source @FOLDER@/read.sql;\n\\. @FOLDER@/read.sql\n\\. /etc/passwd",
        Code.LOAD_ERRORS,
    ),
    _MY.failed(
        "tee",
        r"`tee`, `\T` into a file of the host",
        "tee @FOLDER@/@TOKEN@;\n\\T @FOLDER@/@TOKEN@\nSELECT 1;\n\\t",
        Code.LOAD_ERRORS,
    ),
    _MY.passes(
        "pager",
        r"`pager`, `\P` with a command",
        "pager @SH@;\n\\P @SH@\nSELECT 1;\n\\n",
        "the client takes a pager only at a terminal",
    ),
    _MY.unknown("edit", r"`\e`: an editor that waits", "\\e\nSELECT 1;", Code.LOAD_TIMED_OUT, options=_QUICK),
    *on_both(
        _MY.failed(
            "connect",
            r"`connect`, `\r` to a server on the network",
            "connect cabinet @ADDRESS@;\n\\r cabinet @ADDRESS@\nSELECT 1;",
            Code.LOAD_ERRORS,
            Code.LOAD_STOPPED,
        )
    ),
    _MY.failed(
        "delimiter",
        "a command of the client under another delimiter",
        "DELIMITER $$\nSELECT 1$$\n\\! @SH@\nSELECT 2",
        Code.LOAD_ERRORS,
    ),
    _MY.failed(
        "ours-read",
        "our password read, an order given to our own client, by commands",
        "\\! cat /machine/restore_lab_admin\n\\! echo x >/machine/orders",
        Code.LOAD_ERRORS,
    ),
    _MY.failed("exit", r"`\q` in the middle", "\\q\nDROP TABLE patient;", Code.LOAD_STOPPED),
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
    _MY.unknown(name, f"values cut, and {how} before them", "", Code.WARNINGS_SILENCED, making=making)
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
        _MY.failed(
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
    _MY.failed(
        "load-infile",
        "`LOAD DATA INFILE` from the host",
        """
LOAD DATA INFILE '@FOLDER@/secret' INTO TABLE parametre;
LOAD DATA INFILE '/etc/passwd' INTO TABLE parametre;
""",
        Code.LOAD_ERRORS,
    ),
    *on_both(
        _MY.failed(
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
    _MY.passes(
        "load-file",
        "`LOAD_FILE`: a secret of the host as the name of a table",
        _NAMED,
        "the file is not there for the server; the answer is NULL",
    ),
    _MY.failed(
        "library-function",
        "`CREATE FUNCTION ... SONAME`: libraries as functions",
        """
CREATE FUNCTION sys_exec RETURNS INT SONAME 'lib_mysqludf_sys.so';
CREATE FUNCTION sys_exec RETURNS INT SONAME '../../../../lib/x86_64-linux-gnu/libc.so.6';
SELECT sys_exec('@SH@');
""",
        Code.LOAD_ERRORS,
    ),
    _MY.failed(
        "plugin",
        "`INSTALL PLUGIN`, `INSTALL SONAME` of libraries of its own",
        "INSTALL PLUGIN evil SONAME '/tmp/evil.so';\nINSTALL SONAME 'evil';",
        Code.LOAD_ERRORS,
    ),
    _MY.passes(
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
    _MY.failed(
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
    _MY.passes(
        "events",
        "events that purge rows every second, once the scheduler runs",
        "CREATE EVENT purges ON SCHEDULE EVERY 1 SECOND DO DELETE FROM restored.courrier;",
        "the scheduler is off",
    ),
    _MY.failed(
        "events-on",
        "events that purge rows every second, and the scheduler switched on",
        """
CREATE EVENT purges ON SCHEDULE EVERY 1 SECOND DO DELETE FROM restored.courrier;
SET GLOBAL event_scheduler = ON;
SELECT SLEEP(3);
""",
        Code.TABLE_EMPTY,
    ),
    _MY.failed(
        "federated",
        "`FEDERATED`: a table on another server",
        """
INSTALL SONAME 'ha_federatedx';
CREATE TABLE away (id INT) ENGINE=FEDERATED CONNECTION='mysql://x@@ADDRESS@:@PORT@/x/away';
SELECT * FROM away;
""",
        Code.LOAD_ERRORS,
    ),
    _MY.failed(
        "connect-engine",
        "`CONNECT`: a table that is a file of the host",
        """
INSTALL SONAME 'ha_connect';
CREATE TABLE away (line TEXT) ENGINE=CONNECT TABLE_TYPE=DOS FILE_NAME='@FOLDER@/secret';
""",
        Code.LOAD_ERRORS,
        Code.EXTENSION_ABSENT,
    ),
    _MY.failed(
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
        _MY.passes(
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
#: What a dump does to the server's own settings and accounts.
_SETTINGS: Final = (
    _MY.passes(
        "init-connect",
        "`init_connect`: rows deleted whenever somebody logs in",
        "SET GLOBAL init_connect = 'DELETE FROM restored.courrier';",
        "it is taken back before we log in again",
        daily=True,
    ),
    _MY.passes(
        "select-limit",
        "`sql_select_limit`: every answer has one row",
        "SET GLOBAL sql_select_limit = 1;",
        "it is taken back before we ask",
    ),
    _MY.passes(
        "statement-time",
        "`max_statement_time`: no question is answered",
        "SET GLOBAL max_statement_time = 0.001;",
        "it is taken back before we ask",
    ),
    _MY.unknown("shutdown", "`SHUTDOWN`", "SHUTDOWN;\nSELECT 1;", Code.SERVER_FAILED),
    _MY.unknown("kill-ours", "every other session killed, ours among them", _KILLS, Code.SERVER_FAILED),
    _MY.unknown(
        "system-tables",
        "the server's own tables emptied and dropped",
        "DELETE FROM mysql.global_priv;\nDROP TABLE mysql.proc;\nFLUSH PRIVILEGES;",
        Code.SERVER_FAILED,
    ),
    _MY.passes(
        "accounts-taken",
        "every account locked and stripped, ours among them",
        f"UPDATE mysql.global_priv SET priv = '{_LOCKED}';\nFLUSH PRIVILEGES;",
        "ours are made anew after the load",
        Code.VIEW_UNUSABLE,
    ),
)
_LIES: Final = (
    _MY.failed(
        "view-in-place",
        "a view in a table's place, with rows enough",
        """
DROP TABLE courrier;
CREATE VIEW courrier AS SELECT seq AS id, seq AS consultation_id, 'x' AS texte FROM seq_1_to_150;
""",
        Code.TABLE_MISSING,
    ),
    _MY.failed(
        "own-count",
        "a function `count` of its own, and no row",
        """
DELETE FROM courrier;
SET GLOBAL sql_mode = 'IGNORE_SPACE';
CREATE FUNCTION `count`(x INT) RETURNS INT DETERMINISTIC RETURN 150;
""",
        Code.TABLE_EMPTY,
    ),
    _MY.passes(
        "undeletable",
        "a trigger and a key that let no table be emptied, against the test of the test",
        """
CREATE TRIGGER stay BEFORE DELETE ON courrier FOR EACH ROW SIGNAL SQLSTATE '45000';
CREATE TABLE child (id INT PRIMARY KEY, c INT, CONSTRAINT holds FOREIGN KEY (c) REFERENCES courrier (id));
INSERT INTO child VALUES (1, 1);
""",
        "the table is emptied without asking either",
    ),
)
_BOMBS: Final = (
    _MY.unknown(
        "multiplied",
        "rows multiplied without end (the SEQUENCE engine)",
        "CREATE TABLE many_rows AS SELECT seq, REPEAT(MD5(seq), 20) AS t FROM seq_1_to_10000000000;",
        Code.MACHINE_DISK_FULL,
        machine="container",
        limits=SMALL,
    ),
    _MY.unknown(
        "recursive",
        "rows multiplied without end (a recursive query)",
        """
SET max_recursive_iterations = 4294967295;
CREATE TABLE many_rows AS WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r;
""",
        Code.LOAD_TIMED_OUT,
        options=_QUICK,
    ),
    _MY.passes(
        "cross-join",
        "a view without end (a table joined with itself)",
        f"CREATE VIEW endless AS SELECT COUNT(*) AS n FROM {', '.join(f'consultation a{n}' for n in range(4))};",
        "a view that takes too long is left; every row is there",
    ),
    _MY.unknown("memory-bomb", "12 GB in variables", _MUCH, Code.LOAD_TIMED_OUT, options=_QUICK),
    _MY.unknown(
        "memory-bomb-in-container",
        "12 GB in variables",
        _MUCH,
        Code.MACHINE_OUT_OF_MEMORY,
        machine="container",
        limits=SMALL,
    ),
    _MY.passes(
        "brackets",
        "twenty thousand brackets within each other",
        f"SELECT {'(' * 20_000}1{')' * 20_000};",
        "the server takes them",
    ),
)
_BYTES: Final = (
    _MY.failed(
        "endless-line",
        "a statement of 80 MB in one line that never ends",
        "",
        Code.LOAD_ERRORS,
        Code.LOAD_STOPPED,
        Code.END_MARK_ABSENT,
        making=lambda _, whole: whole + b"INSERT INTO parametre VALUES ('x', '" + b"y" * 80_000_000,
    ),
    _MY.failed(
        "nuls",
        "NULs in a value and between statements",
        "",
        Code.LOAD_STOPPED,
        making=lambda _, whole: whole + b"INSERT INTO parametre VALUES ('a\x00b', 'c');\n\x00\x00\x00\nSELECT 1;\n",
    ),
    _MY.failed(
        "not-utf8",
        "bytes that are no UTF-8, in a value and in a name",
        "",
        Code.LOAD_ERRORS,
        Code.SETTING_NEEDED,
        making=lambda _, whole: (
            whole + b"INSERT INTO parametre VALUES ('a\xff\xfe\xc3(', 'c');\nCREATE TABLE `\xe9\xff` (id int);\n"
        ),
    ),
    _MY.passes(
        "terminal-names",
        "names that steer a terminal or turn the text around",
        """
CREATE TABLE soon_gone (id INT);
CREATE TABLE `\x1b]0;@TOKEN@\x07\x1b[2J` (id INT) ENGINE=MyISAM;
INSERT INTO `\x1b]0;@TOKEN@\x07\x1b[2J` VALUES (1);
CREATE VIEW `\u202egnp\u009b31m` AS SELECT * FROM soon_gone;
DROP TABLE soon_gone;
""",
        "names are escaped wherever they are told",
        Code.VIEW_UNUSABLE,
        Code.NOT_TRANSACTIONAL,
    ),
    _MY.passes(
        "option-names",
        "names that look like options, statements and commands of the client",
        """
CREATE TABLE `--help` (id INT PRIMARY KEY);
CREATE TABLE `-rf` (id INT);
CREATE TABLE `--` (`--` INT);
CREATE TABLE `'; DROP TABLE patient; --` (id INT);
CREATE TABLE ```; DROP TABLE patient; --` (id INT);
CREATE DATABASE `--host=@ADDRESS@`;
CREATE TABLE `--host=@ADDRESS@`.`\\! @TOKEN@` (id INT);
""",
        "names are quoted, and travel on no command line",
    ),
    _MY.passes(
        "markup-names",
        "names that are Typst, HTML, or headers of a mail",
        "CREATE TABLE soon_gone (id INT);\n"
        + "".join(
            _ABSENT_VIEW.format(name=name)
            for name in (
                '#read("/etc/passwd")',
                "<script>alert(1)</script><img src=http://@ADDRESS@>",
                "x\nBcc: @TOKEN@@example.org\n\nx",
                "$ #panic() *_{{%s%n",
            )
        )
        + "DROP TABLE soon_gone;",
        "names are only text in the report, and not in the mail",
        Code.VIEW_UNUSABLE,
    ),
)
CASES: Final[tuple[Case, ...]] = (*_CLIENT, *_SILENT, *_SERVER, *_SETTINGS, *_LIES, *_BOMBS, *_BYTES)
