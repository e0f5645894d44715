"""Hostile backups of MariaDB that change the server, lie to questions, exhaust the machine, or are named to hurt."""

from __future__ import annotations

from typing import Final

from hostile.cases import SMALL, Case
from hostile.cases_mariadb import MY, QUICK

from restore_lab.findings import Code

_MUCH: Final = "".join(f"SET @a{number} = REPEAT('x', 1000000000);\n" for number in range(12))
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
#: What a dump does to the server's own settings and accounts.
_SETTINGS: Final = (
    MY.passes(
        "init-connect",
        "`init_connect`: rows deleted whenever somebody logs in",
        "SET GLOBAL init_connect = 'DELETE FROM restored.courrier';",
        "it is taken back before we log in again",
        daily=True,
    ),
    MY.passes(
        "select-limit",
        "`sql_select_limit`: every answer has one row",
        "SET GLOBAL sql_select_limit = 1;",
        "it is taken back before we ask",
    ),
    MY.passes(
        "statement-time",
        "`max_statement_time`: no question is answered",
        "SET GLOBAL max_statement_time = 0.001;",
        "it is taken back before we ask",
    ),
    MY.unknown("shutdown", "`SHUTDOWN`", "SHUTDOWN;\nSELECT 1;", Code.SERVER_FAILED),
    MY.unknown("kill-ours", "every other session killed, ours among them", _KILLS, Code.SERVER_FAILED),
    MY.unknown(
        "system-tables",
        "the server's own tables emptied and dropped",
        "DELETE FROM mysql.global_priv;\nDROP TABLE mysql.proc;\nFLUSH PRIVILEGES;",
        Code.SERVER_FAILED,
    ),
    MY.passes(
        "accounts-taken",
        "every account locked and stripped, ours among them",
        f"UPDATE mysql.global_priv SET priv = '{_LOCKED}';\nFLUSH PRIVILEGES;",
        "ours are made anew after the load",
        Code.VIEW_UNUSABLE,
    ),
)
_LIES: Final = (
    MY.failed(
        "view-in-place",
        "a view in a table's place, with rows enough",
        """
DROP TABLE courrier;
CREATE VIEW courrier AS SELECT seq AS id, seq AS consultation_id, 'x' AS texte FROM seq_1_to_150;
""",
        Code.TABLE_MISSING,
    ),
    MY.failed(
        "own-count",
        "a function `count` of its own, and no row",
        """
DELETE FROM courrier;
SET GLOBAL sql_mode = 'IGNORE_SPACE';
CREATE FUNCTION `count`(x INT) RETURNS INT DETERMINISTIC RETURN 150;
""",
        Code.TABLE_EMPTY,
    ),
    MY.passes(
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
    MY.unknown(
        "multiplied",
        "rows multiplied without end (the SEQUENCE engine)",
        "CREATE TABLE many_rows AS SELECT seq, REPEAT(MD5(seq), 20) AS t FROM seq_1_to_10000000000;",
        Code.MACHINE_DISK_FULL,
        machine="container",
        limits=SMALL,
    ),
    MY.unknown(
        "recursive",
        "rows multiplied without end (a recursive query)",
        """
SET max_recursive_iterations = 4294967295;
CREATE TABLE many_rows AS WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT n FROM r;
""",
        Code.LOAD_TIMED_OUT,
        options=QUICK,
    ),
    MY.passes(
        "cross-join",
        "a view without end (a table joined with itself)",
        f"CREATE VIEW endless AS SELECT COUNT(*) AS n FROM {', '.join(f'consultation a{n}' for n in range(4))};",
        "a view that takes too long is left; every row is there",
    ),
    MY.unknown("memory-bomb", "12 GB in variables", _MUCH, Code.LOAD_TIMED_OUT, options=QUICK),
    MY.unknown(
        "memory-bomb-in-container",
        "12 GB in variables",
        _MUCH,
        Code.MACHINE_OUT_OF_MEMORY,
        machine="container",
        limits=SMALL,
    ),
    MY.passes(
        "brackets",
        "twenty thousand brackets within each other",
        f"SELECT {'(' * 20_000}1{')' * 20_000};",
        "the server takes them",
    ),
)
_BYTES: Final = (
    MY.failed(
        "endless-line",
        "a statement of 80 MB in one line that never ends",
        "",
        Code.LOAD_ERRORS,
        Code.LOAD_STOPPED,
        Code.END_MARK_ABSENT,
        making=lambda _, whole: whole + b"INSERT INTO parametre VALUES ('x', '" + b"y" * 80_000_000,
    ),
    MY.failed(
        "nuls",
        "NULs in a value and between statements",
        "",
        Code.LOAD_STOPPED,
        making=lambda _, whole: whole + b"INSERT INTO parametre VALUES ('a\x00b', 'c');\n\x00\x00\x00\nSELECT 1;\n",
    ),
    MY.failed(
        "not-utf8",
        "bytes that are no UTF-8, in a value and in a name",
        "",
        Code.LOAD_ERRORS,
        Code.SETTING_NEEDED,
        making=lambda _, whole: (
            whole + b"INSERT INTO parametre VALUES ('a\xff\xfe\xc3(', 'c');\nCREATE TABLE `\xe9\xff` (id int);\n"
        ),
    ),
    MY.passes(
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
    MY.passes(
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
    MY.passes(
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
CASES: Final[tuple[Case, ...]] = (*_SETTINGS, *_LIES, *_BOMBS, *_BYTES)
