"""A dump of MariaDB in the shape of each other tool, and what is read of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import foreign_dumps as foreign

from restore_lab.engines import announced
from restore_lab.engines.base import HEAD_BYTES, Dump
from restore_lab.engines.mariadb.engine import Mariadb
from restore_lab.engines.mariadb.load import outline_of
from restore_lab.engines.outline import Outline
from restore_lab.findings import Code, Finding

OWN: Final = """-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
-- Server version\t10.11.19-MariaDB-0+deb12u1

CREATE TABLE `consultation` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `motif` varchar(120) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `par_motif` (`motif`),
  CONSTRAINT `du_patient` FOREIGN KEY (`id`) REFERENCES `patient` (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4;
INSERT INTO `consultation` VALUES
(1,'CREATE TABLE `faux` (a int);\\n-- Dumped table `faux` with 1 row(s)\\n'),
(2,'l\\'été; \\\\');
CREATE TABLE `patient` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `nom` varchar(60) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4;
INSERT INTO `patient` VALUES
(1,'Essai'),
(2,'/* Essai');
"""
Shape = Callable[[bytes], bytes]
SHAPES: Final[dict[str, tuple[Shape, str, bytes]]] = {
    "phpMyAdmin": (foreign.phpmyadmin, foreign.PHPMYADMIN_END, b"CREATE ALGORITHM"),
    "Adminer": (foreign.adminer, foreign.ADMINER_END, b"CREATE ALGORITHM"),
    "mysqldump-php": (foreign.mysqldump_php, foreign.MYSQLDUMP_PHP_END, b"/*!50001 VIEW"),
    "npm mysqldump": (foreign.npm_mysqldump, foreign.NPM_END, b"# DATA DUMP FOR TABLE: patient"),
    "HeidiSQL": (foreign.heidisql, foreign.HEIDISQL_END, b"CREATE ALGORITHM"),
}


def read(data: bytes, *, piece_bytes: int = 65_536) -> tuple[Dump, Outline]:
    dump = Mariadb().recognise(data[:HEAD_BYTES])
    assert dump is not None
    outline = outline_of(dump)
    for at in range(0, len(data), piece_bytes):
        outline.look(data[at : at + piece_bytes])
    outline.close()
    return dump, outline


def cut(data: bytes, *, refused: bool = False) -> list[Code]:
    dump, outline = read(data)
    return [one.code for one in announced.cut(outline, dump, refused=refused)]


def told(data: bytes) -> list[Finding]:
    dump, outline = read(data)
    return list(announced.left_out(outline, dump))
