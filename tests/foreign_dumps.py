"""Dumps of the small practice in the shape that other tools than the servers' own give them.

Each shape was compared with what the tool itself wrote of a database on MariaDB 10.11: phpMyAdmin 5.2.1 (« custom »,
everything ticked), Adminer 4.8.1 and 6.0.2-dev, mysqldump-php 2.13 and `mysqldump` 3.2.0 of npm. HeidiSQL runs on
Windows; its shape is what `source/tabletools.pas` of July 2026 writes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_TABLE: Final = re.compile(r"^CREATE TABLE `(\w+)` \(\n(.*?)\n\) (ENGINE=[^;]*);$", re.MULTILINE | re.DOTALL)
_ROWS: Final = r"^INSERT INTO `%s` VALUES(.*?);$"
_ROW: Final = re.compile(r"\((?:[^'()]|'(?:[^'\\]|\\.)*+')*+\)")
_VERSION: Final = re.compile(r"^-- Server version\t(\S+)", re.MULTILINE)
_SAVED: Final = ("CHARACTER_SET_CLIENT", "CHARACTER_SET_RESULTS", "COLLATION_CONNECTION")
#: What is in the practice beside its tables; the view comes between them by its name.
VIEW: Final = "dernieres"
_COLUMNS: Final = ("`nom` varchar(60)", "`vu_le` datetime")
_STANDS_IN: Final = "(\n" + "\n,".join(_COLUMNS) + "\n)"
_DEFINER: Final = "DEFINER=`root`@`localhost`"
_SELECT: Final = (
    "select `p`.`nom` AS `nom`,max(`c`.`commencee_le`) AS `vu_le` from (`patient` `p` join `consultation` `c`"
    " on(`c`.`patient_id` = `p`.`id`)) group by `p`.`nom`"
)
_CREATE_VIEW: Final = f"CREATE ALGORITHM=UNDEFINED {_DEFINER} SQL SECURITY DEFINER VIEW `{VIEW}` AS {_SELECT}"
_FUNCTION: Final = "RETURNS int(11)\n    DETERMINISTIC\nRETURN DATEDIFF('2026-03-12', d)"
_TRIGGER: Final = "BEFORE INSERT ON `patient` FOR EACH ROW"
_TRIGGER_BODY: Final = "SET NEW.nom = UPPER(NEW.nom)"
_RULE: Final = "-- " + "-" * 56

PHPMYADMIN_END: Final = "COMMIT;\n\n" + "".join(f"/*!40101 SET {name}=@OLD_{name} */;\n" for name in _SAVED)
REFUSED: Final = f"-- Error reading structure for table cabinet.{VIEW}: #1142 - SHOW VIEW command denied\n".encode()
ADMINER_END: Final = "-- 2026-03-12 03:00:01\n"
_PHP_END: Final = "".join(
    f"/*!{number} SET {name}=@OLD_{name} */;\n"
    for number, name in (
        *((40103, "TIME_ZONE"), (40101, "AUTOCOMMIT"), (40101, "SQL_MODE"), (40014, "FOREIGN_KEY_CHECKS")),
        *((40014, "UNIQUE_CHECKS"), *((40101, name) for name in _SAVED), (40111, "SQL_NOTES")),
    )
)
MYSQLDUMP_PHP_END: Final = f"{_PHP_END}\n-- Dump completed on: Thu, 12 Mar 2026 03:00:01 +0000\n"
NPM_END: Final = "".join(
    f"/*!{number} SET {name}=@OLD_{name} */;\n"
    for number, name in (
        *((40111, "SQL_NOTES"), (40101, "SQL_MODE"), (40014, "FOREIGN_KEY_CHECKS")),
        *((40101, name) for name in _SAVED),
    )
)
HEIDISQL_END: Final = (
    "/*!40103 SET TIME_ZONE=IFNULL(@OLD_TIME_ZONE, 'system') */;\r\n"
    "/*!40101 SET SQL_MODE=IFNULL(@OLD_SQL_MODE, '') */;\r\n"
    "/*!40014 SET FOREIGN_KEY_CHECKS=IFNULL(@OLD_FOREIGN_KEY_CHECKS, 1) */;\r\n"
    "/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\r\n"
    "/*!40111 SET SQL_NOTES=IFNULL(@OLD_SQL_NOTES, 1) */;\r\n"
)
_SAVES: Final = "".join(f"/*!40101 SET @OLD_{name}=@@{name} */;\n" for name in _SAVED)
_OLD_MODE: Final = "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
_OLD_KEYS: Final = "/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;\n"
_OLD_NOTES: Final = "/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """A table as SHOW CREATE TABLE gives it: the lines between its brackets, what follows them; and its rows."""

    name: str
    lines: tuple[str, ...]
    options: str
    rows: tuple[str, ...]

    @property
    def create(self) -> str:
        lines = ",\n".join(self.lines)
        return f"CREATE TABLE `{self.name}` (\n{lines}\n) {self.options}"

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(line.strip() for line in self.lines if line.startswith("  `"))

    @property
    def names(self) -> str:
        return ", ".join(column.partition(" ")[0] for column in self.columns)

    def rows_with(self, between: str) -> Iterator[str]:
        for row in self.rows:
            values = re.findall(r"'(?:[^'\\]|\\.)*+'|[^',()]+", row)
            yield f"({between.join(values)})"


def _read(dump: bytes) -> tuple[str, tuple[_Table, ...]]:
    """Give the server's version and the tables of a dump by mariadb-dump, by their names."""
    text = dump.decode()
    version = _VERSION.search(text)
    assert version is not None
    tables = []
    for found in _TABLE.finditer(text):
        rows = re.findall(_ROWS % found[1], text, re.MULTILINE | re.DOTALL)
        tables.append(
            _Table(
                name=found[1],
                lines=tuple(found[2].split(",\n")),
                options=found[3],
                rows=tuple(_ROW.findall(",".join(rows))),
            )
        )
    return version[1], tuple(sorted(tables, key=lambda table: table.name))


def _by_name(
    tables: tuple[_Table, ...], table: Callable[[_Table], Iterator[str]], view: Callable[[], Iterator[str]]
) -> Iterator[str]:
    """Write the tables, and what stands in for the view, in the order of their names."""
    for one in tables:
        if one.name < VIEW:
            yield from table(one)
    yield from view()
    for one in tables:
        if one.name > VIEW:
            yield from table(one)


def phpmyadmin(dump: bytes) -> bytes:
    """As phpMyAdmin exports one database: keys, counters and constraints behind all rows."""
    version, tables = _read(dump)

    def of_table(table: _Table) -> Iterator[str]:
        columns = ",\n".join(f"  {column.replace(' AUTO_INCREMENT', '')}" for column in table.columns)
        options = re.sub(r" AUTO_INCREMENT=\d+", "", table.options)
        yield f"{_RULE}\n\n--\n-- Table structure for table `{table.name}`\n--\n\n"
        yield f"CREATE TABLE `{table.name}` (\n{columns}\n) {options};\n\n"
        yield f"--\n-- Dumping data for table `{table.name}`\n--\n\n"
        yield f"INSERT INTO `{table.name}` ({table.names}) VALUES\n" + ",\n".join(table.rows_with(", ")) + ";\n\n"
        if table.name == "patient":
            yield "--\n-- Triggers `patient`\n--\nDELIMITER $$\n"
            yield f"CREATE TRIGGER `nom_en_capitales` {_TRIGGER} {_TRIGGER_BODY}\n$$\nDELIMITER ;\n\n"

    def of_view() -> Iterator[str]:
        yield f"{_RULE}\n\n--\n-- Stand-in structure for view `{VIEW}`\n-- (See below for the actual view)\n--\n"
        yield f"CREATE TABLE `{VIEW}` {_STANDS_IN};\n\n"

    def pieces() -> Iterator[str]:
        yield "-- phpMyAdmin SQL Dump\n-- version 5.2.1\n-- https://www.phpmyadmin.net/\n--\n-- Host: 127.0.0.1:3306\n"
        yield "-- Generation Time: Mar 12, 2026 at 03:00 AM\n"
        yield f"-- Server version: {version}\n-- PHP Version: 8.2.36\n\n"
        yield 'SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";\nSTART TRANSACTION;\nSET time_zone = "+00:00";\n\n\n'
        yield f"{_SAVES}/*!40101 SET NAMES utf8mb4 */;\n\n--\n-- Database: `cabinet`\n--\n\nDELIMITER $$\n"
        yield f"--\n-- Functions\n--\nCREATE {_DEFINER} FUNCTION `age_en_jours` (`d` DATE) {_FUNCTION}$$\n\n"
        yield "DELIMITER ;\n\n"
        yield from _by_name(tables, of_table, of_view)
        yield f"{_RULE}\n\n--\n-- Structure for view `{VIEW}`\n--\nDROP TABLE IF EXISTS `{VIEW}`;\n\n"
        yield f"{_CREATE_VIEW} ;\n\n"
        yield "--\n-- Indexes for dumped tables\n--\n\n"
        yield from _keys(tables)
        yield PHPMYADMIN_END

    return "".join(pieces()).encode()


def left_out(dump: bytes, said: bytes = REFUSED) -> bytes:
    """As phpMyAdmin goes on where it may not see how the view is made: it says so in a comment."""
    return dump.replace(f"\n{_CREATE_VIEW} ;\n".encode(), said)


def without_comments(dump: bytes) -> bytes:
    """As phpMyAdmin writes it when it is to write none."""
    return re.sub(rb"^--[^\n]*\n", b"", dump, flags=re.MULTILINE).lstrip()


def _keys(tables: tuple[_Table, ...]) -> Iterator[str]:
    for table in tables:
        keys = [line.strip() for line in table.lines if line.strip().startswith(("PRIMARY KEY", "KEY"))]
        yield f"--\n-- Indexes for table `{table.name}`\n--\n"
        yield f"ALTER TABLE `{table.name}`\n  ADD " + ",\n  ADD ".join(keys) + ";\n\n"
    for table in tables:
        for column in table.columns:
            if "AUTO_INCREMENT" in column:
                yield f"ALTER TABLE `{table.name}`\n  MODIFY {column}, AUTO_INCREMENT=1000;\n\n"
    for table in tables:
        for line in table.lines:
            if line.startswith("  CONSTRAINT"):
                yield f"ALTER TABLE `{table.name}`\n  ADD {line.strip()};\n\n"


def adminer(dump: bytes, *, release: str = "4.8.1 MySQL") -> bytes:
    """As Adminer exports one database with « USE »: the database is to be there before."""
    version, tables = _read(dump)

    def of_table(table: _Table) -> Iterator[str]:
        yield f"DROP TABLE IF EXISTS `{table.name}`;\n{table.create};\n\n"
        yield f"INSERT INTO `{table.name}` ({table.names}) VALUES\n" + ",\n".join(table.rows_with(",\t")) + ";\n\n"
        if table.name == "patient":
            yield f"DELIMITER ;;\n\nCREATE TRIGGER `nom_en_capitales` {_TRIGGER}\n{_TRIGGER_BODY};;\n\nDELIMITER ;\n\n"

    def of_view() -> Iterator[str]:
        yield f"DROP VIEW IF EXISTS `{VIEW}`;\nCREATE TABLE `{VIEW}` ({', '.join(_COLUMNS)});\n\n\n"

    def pieces() -> Iterator[str]:
        yield f"-- Adminer {release} {version} dump\n\nSET NAMES utf8;\nSET time_zone = '+00:00';\n"
        yield "SET foreign_key_checks = 0;\nSET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';\n\nUSE `cabinet`;\n\n"
        yield "SET NAMES utf8mb4;\n\nDELIMITER ;;\n\nDROP FUNCTION IF EXISTS `age_en_jours`;;\n"
        yield f"CREATE {_DEFINER} FUNCTION `age_en_jours`(d DATE) {_FUNCTION};;\n\nDELIMITER ;\n\n"
        yield from _by_name(tables, of_table, of_view)
        yield f"DROP TABLE IF EXISTS `{VIEW}`;\n{_CREATE_VIEW};\n\n{ADMINER_END}"

    return "".join(pieces()).encode()


def mysqldump_php(dump: bytes) -> bytes:
    """As mysqldump-php writes it with its defaults and `routines`."""
    version, tables = _read(dump)

    def pieces() -> Iterator[str]:
        yield "-- mysqldump-php https://github.com/ifsnop/mysqldump-php\n--\n-- Host: 127.0.0.1\tDatabase: cabinet\n"
        yield f"{_RULE[:57]}\n-- Server version \t{version}\n-- Date: Thu, 12 Mar 2026 03:00:00 +0000\n\n{_SAVES}"
        yield "/*!40101 SET NAMES utf8 */;\n/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n"
        yield "/*!40103 SET TIME_ZONE='+00:00' */;\n/*!40101 SET @OLD_AUTOCOMMIT=@@AUTOCOMMIT */;\n"
        yield "/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;\n"
        yield f"{_OLD_KEYS}{_OLD_MODE}{_OLD_NOTES}\n"
        for table in tables:
            name = table.name
            yield f"--\n-- Table structure for table `{name}`\n--\n\n"
            yield f"/*!40101 SET character_set_client = utf8 */;\n{table.create};\n\n"
            yield f"--\n-- Dumping data for table `{name}`\n--\n\nLOCK TABLES `{name}` WRITE;\n"
            yield f"/*!40000 ALTER TABLE `{name}` DISABLE KEYS */;\nSET autocommit=0;\n"
            yield f"INSERT INTO `{name}` VALUES " + ",".join(table.rows) + ";\n"  # noqa: S608 - ours
            yield f"/*!40000 ALTER TABLE `{name}` ENABLE KEYS */;\nUNLOCK TABLES;\nCOMMIT;\n\n"
            yield f"-- Dumped table `{name}` with {len(table.rows)} row(s)\n--\n\n"
        yield f"DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 {_DEFINER}*/ /*!50003 TRIGGER nom_en_capitales {_TRIGGER} "
        yield f"{_TRIGGER_BODY} */;;\nDELIMITER ;\n\n--\n-- Dumping routines for database 'cabinet'\n--\n\n"
        yield f"DELIMITER ;;\nCREATE {_DEFINER} FUNCTION `age_en_jours`(d DATE) {_FUNCTION} ;;\nDELIMITER ;\n\n"
        yield f"--\n-- Stand-In structure for view `{VIEW}`\n--\n\n"
        yield f"CREATE TABLE IF NOT EXISTS `{VIEW}` {_STANDS_IN};\n"
        yield f"--\n-- View structure for view `{VIEW}`\n--\n\nDROP TABLE IF EXISTS `{VIEW}`;\n"
        yield f"/*!50001 DROP VIEW IF EXISTS `{VIEW}`*/;\n/*!50001 CREATE ALGORITHM=UNDEFINED */\n"
        yield f"/*!50013 {_DEFINER} SQL SECURITY DEFINER */\n/*!50001 VIEW `{VIEW}` AS {_SELECT} */;\n\n"
        yield MYSQLDUMP_PHP_END

    return "".join(pieces()).encode()


def npm_mysqldump(dump: bytes) -> bytes:
    """As `mysqldump` of npm writes it: all structure, then the rows, an INSERT each; it leaves routines out."""
    _, tables = _read(dump)

    def headed(title: str) -> str:
        rule = "# " + "-" * 60
        return f"{rule}\n# {title}\n{rule}\n\n"

    def pieces() -> Iterator[str]:
        yield f"{_SAVES}/*!40101 SET NAMES utf8 */;\n{_OLD_KEYS}{_OLD_MODE}{_OLD_NOTES}\n"
        for table in tables:
            create = table.create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS").replace("=", " = ")
            yield headed(f"SCHEMA DUMP FOR TABLE: {table.name}") + f"{create};\n\n"
        yield headed(f"SCHEMA DUMP FOR TABLE: {VIEW}") + f"CREATE OR REPLACE VIEW `{VIEW}` AS\n{_SELECT};\n\n"
        for table in tables:
            yield headed(f"DATA DUMP FOR TABLE: {table.name}")
            for row in table.rows_with(", "):
                yield f"INSERT INTO\n  `{table.name}` ({table.names})\nVALUES\n  {row};\n"
            yield "\n"
        yield headed("TRIGGER DUMP FOR: nom_en_capitales") + "DROP TRIGGER IF EXISTS nom_en_capitales;\n"
        yield f"DELIMITER ;;\nCREATE TRIGGER nom_en_capitales {_TRIGGER} {_TRIGGER_BODY};;\nDELIMITER ;\n\n{NPM_END}"

    return "".join(pieces()).encode()


def heidisql(dump: bytes) -> bytes:
    """As HeidiSQL writes it with its comments and without « Create database »."""
    version, tables = _read(dump)

    def of_table(table: _Table) -> Iterator[str]:
        create = table.create.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
        yield f"-- Dumping structure for table cabinet.{table.name}\n{create};\n\n"
        yield f"-- Dumping data for table cabinet.{table.name}: ~{len(table.rows)} rows (approximately)\n"
        yield f"INSERT INTO `{table.name}` ({table.names}) VALUES\n\t"
        yield ",\n\t".join(table.rows_with(", ")) + ";\n\n"

    def of_view() -> Iterator[str]:
        yield f"-- Dumping structure for view cabinet.{VIEW}\n"
        yield "-- Creating temporary table to overcome VIEW dependency errors\n"
        yield f"CREATE TABLE `{VIEW}` (\n\t`nom` VARCHAR(1) NOT NULL,\n\t`vu_le` DATETIME NULL\n);\n\n"

    def pieces() -> Iterator[str]:
        yield f"{_RULE}\n-- {'Host:':30}127.0.0.1\n-- {'Server version:':30}{version} - Debian 12\n"
        yield f"-- {'Server OS:':30}debian-linux-gnu\n-- {'HeidiSQL Version:':30}12.11.0.7065\n{_RULE}\n\n"
        yield "/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n/*!40101 SET NAMES utf8 */;\n"
        yield "/*!50503 SET NAMES utf8mb4 */;\n/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;\n"
        yield f"/*!40103 SET TIME_ZONE='+00:00' */;\n{_OLD_KEYS}{_OLD_MODE}{_OLD_NOTES}\n"
        yield f"-- Dumping structure for function cabinet.age_en_jours\nDELIMITER //\nCREATE {_DEFINER} "
        yield f"FUNCTION `age_en_jours`(d DATE) {_FUNCTION}//\nDELIMITER ;\n\n"
        yield from _by_name(tables, of_table, of_view)
        yield "-- Dumping structure for trigger cabinet.nom_en_capitales\n"
        yield "SET @OLDTMP_SQL_MODE=@@SQL_MODE, SQL_MODE='STRICT_TRANS_TABLES';\nDELIMITER //\n"
        yield f"CREATE {_DEFINER} TRIGGER `nom_en_capitales` {_TRIGGER} {_TRIGGER_BODY}//\nDELIMITER ;\n"
        yield "SET SQL_MODE=@OLDTMP_SQL_MODE;\n\n-- Removing temporary table and create final VIEW structure\n"
        yield f"DROP TABLE IF EXISTS `{VIEW}`;\n{_CREATE_VIEW}\n;\n\n"

    return "".join(pieces()).replace("\n", "\r\n").encode() + HEIDISQL_END.encode()
