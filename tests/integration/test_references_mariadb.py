"""Foreign keys, counters and views that MariaDB restored. See `test_references.py`."""

# ruff: noqa: S608 - statements of these tests, over names of theirs

from __future__ import annotations

import time
from typing import Final

from integration.referring import MARIADB, MY_HEAD, Place, mariadb, orphans

from restore_lab.engines.base import TIMEOUT
from restore_lab.engines.mariadb import references as mariadb_references
from restore_lab.engines.mariadb.catalogue import Table
from restore_lab.engines.mariadb.references import Asked

MY_KEYS: Final = (
    MY_HEAD
    + """
CREATE TABLE parent (id INT PRIMARY KEY, a INT, b INT, word VARCHAR(20), UNIQUE (a, b), UNIQUE (word));
INSERT INTO parent VALUES (1, 1, 1, 'Word1'), (2, 2, 2, 'Word2');
CREATE TABLE child (id INT AUTO_INCREMENT PRIMARY KEY, parent INT, a INT, b INT, up INT, word VARCHAR(20),
  CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES parent (id),
  CONSTRAINT simple FOREIGN KEY (a, b) REFERENCES parent (a, b),
  CONSTRAINT up FOREIGN KEY (up) REFERENCES child (id),
  CONSTRAINT word FOREIGN KEY (word) REFERENCES parent (word),
  CONSTRAINT lost FOREIGN KEY (parent) REFERENCES not_there (id));
INSERT INTO child VALUES (1, 1, 1, 1, NULL, 'wORD1'), (2, 99, 1, NULL, 1, NULL), (3, NULL, NULL, 77, 3, 'word9'),
  (4, 98, 1, 2, 44, NULL);
CREATE DATABASE other;
CREATE TABLE other.far (parent INT, CONSTRAINT across FOREIGN KEY (parent) REFERENCES restored.parent (id));
INSERT INTO other.far VALUES (1), (5);
CREATE TABLE `$(touch x) ``;
--help %s` (`id'é` INT PRIMARY KEY, `--up;` INT,
  CONSTRAINT `; DROP TABLE parent; --` FOREIGN KEY (`--up;`) REFERENCES parent (id));
INSERT INTO `$(touch x) ``;
--help %s` VALUES (1, 1), (2, 3333);
CREATE SEQUENCE behind; CREATE SEQUENCE `a``head`; CREATE SEQUENCE turning MAXVALUE 9 CYCLE;
CREATE TABLE numbered (id INT DEFAULT NEXTVAL(behind), other INT DEFAULT NEXTVAL(`a``head`),
  third INT DEFAULT NEXTVAL(turning));
INSERT INTO numbered VALUES (5, 5, 9);
DO SETVAL(`a``head`, 5);
"""
)
MY_ORPHANS: Final = {
    "child.to_parent": 2,
    "child.simple": 1,
    "child.up": 1,
    "child.word": 1,
    "child.lost": 3,
    "other.far.across": 1,
    "$(touch x) `;\\n--help %s.; DROP TABLE parent; --": 1,
}


@MARIADB
def test_mariadb_keys_mean_what_the_server_means_by_them(place: Place) -> None:
    with place.restored(MY_KEYS.encode()) as (machine, database):
        seen = database.references()

        assert (orphans(seen), len(seen.keys), seen.unanswered) == (MY_ORPHANS, 7, ())
        assert seen.behind == ("behind",)
        by_hand = "SELECT COUNT(*) FROM restored.child c LEFT JOIN restored.parent p ON p.id = c.parent"
        assert mariadb(machine, f"{by_hand} WHERE p.id IS NULL AND c.parent IS NOT NULL") == ["2"]
        assert mariadb(machine, "SELECT COUNT(*) FROM restored.parent") == ["2"]


MY_VIEWS: Final = (
    MY_HEAD
    + """
CREATE TABLE t (id INT); INSERT INTO t VALUES (1), (2), (3);
CREATE TABLE soon_gone (id INT); CREATE TABLE soon_gone_too (id INT);
DELIMITER ;;
CREATE DEFINER=`root`@`localhost` FUNCTION writes() RETURNS INT BEGIN INSERT INTO t VALUES (0); RETURN 1; END;;
CREATE DEFINER=`root`@`localhost` FUNCTION harmless() RETURNS INT DETERMINISTIC RETURN 1;;
CREATE DEFINER=`root`@`localhost` FUNCTION lies() RETURNS INT BEGIN
  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'x\nERROR 1449 (HY000) at line 1: y\n0\t5'; RETURN 1; END;;
DELIMITER ;
CREATE DEFINER=`root`@`localhost` VIEW a_fine AS SELECT * FROM t;
CREATE DEFINER=`gone`@`localhost` SQL SECURITY DEFINER VIEW b_definer AS SELECT * FROM t;
CREATE DEFINER=`root`@`localhost` VIEW c_writes AS SELECT id, writes() FROM t;
CREATE DEFINER=`root`@`localhost` VIEW d_sleeps AS SELECT id, SLEEP(3600) FROM t;
CREATE DEFINER=`gone`@`localhost` SQL SECURITY INVOKER VIEW e_invoker AS SELECT id, harmless() FROM t;
CREATE DEFINER=`root`@`localhost` VIEW `f``;
--help` AS SELECT * FROM soon_gone;
CREATE DEFINER=`root`@`localhost` VIEW g_gone AS SELECT * FROM soon_gone_too;
CREATE DEFINER=`root`@`localhost` VIEW h_fine AS SELECT id, harmless() FROM t;
CREATE DEFINER=`root`@`localhost` VIEW i_lies AS SELECT lies() FROM t;
DROP TABLE soon_gone, soon_gone_too;
"""
)


@MARIADB
def test_mariadb_views_are_read_by_who_can_only_read(place: Place) -> None:
    with place.restored(MY_VIEWS.encode()) as (machine, database):
        began = time.monotonic()
        seen = database.views(timeout_seconds=2)

        problems = {one.subject: one.code for one in seen.problems}
        assert problems.pop("a_fine", "1449") == "1449"  # what i_lies says of it, in a message of its own
        assert problems == {"b_definer": "1449", "f`;\\n--help": "1356", "g_gone": "1356", "i_lies": "1644"}
        assert (seen.asked, seen.unanswered, time.monotonic() - began < 30) == (9, (), True)
        assert mariadb(machine, "SELECT COUNT(*) FROM restored.t") == ["3"]


def test_what_the_mariadb_client_says_is_read_line_by_line() -> None:
    asked = [
        Asked(table=Table(database="d", name=name), sql="SELECT 1" + "\n" * lines)
        for name, lines in (("a", 0), ("b", 2), ("c", 0), ("d", 0))
    ]
    script = b"".join(mariadb_references.script(asked, each_seconds=1)).decode()
    assert script.split("\n")[4].endswith("SELECT 2, 1;")

    said = b"0\t7\nERROR 1356 (HY000) at line 2: View\nERROR 1969 (70100) at line 5: Query\n"
    answers = mariadb_references.read(said, asked, ["a", "b", "c", "d"])

    assert answers.numbers == {0: 7}
    assert [(one.subject, one.code) for one in answers.refused] == [("b", "1356")]
    assert [(one.subject, one.code) for one in answers.unanswered] == [("c", "1969"), ("d", TIMEOUT)]
