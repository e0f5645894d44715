"""What is asked of MariaDB's catalogue, and how its answers are read."""

from __future__ import annotations

from restore_lab.engines.mariadb.catalogue import Table, questioned, quoted, read_checks, read_xml


def test_the_database_with_most_tables_is_questioned() -> None:
    assert questioned([], "restored") == "restored"
    assert questioned([Table("a", "t"), Table("b", "t"), Table("b", "u")], "restored") == "b"
    assert questioned([Table("a", "t"), Table("restored", "t")], "restored") == "restored"


def test_identifiers_are_quoted_whatever_they_hold() -> None:
    assert quoted("a`; DROP DATABASE `b") == "`a``; DROP DATABASE ``b`"


def test_a_table_that_fails_its_check_is_named_and_its_text_is_not() -> None:
    tables = [Table("c", "patient"), Table("c", "acte"), Table("c", "note")]
    said = (
        b"restore_lab_table\t0\nc.patient\tcheck\terror\tKey DUPONT is corrupt\nc.patient\tcheck\tstatus\tFailed\n"
        b"restore_lab_table\t1\nc.acte\tcheck\tstatus\tOK\n"
        b"restore_lab_table\t2\nc.note\tcheck\tnote\tThe storage engine for the table doesn't support check\n"
    )

    asked, problems = read_checks(said, tables, ["patient", "acte", "note"])

    assert asked == 2
    assert [(problem.code, problem.subject) for problem in problems] == [("CHECK TABLE", "patient")]
    assert "DUPONT" not in repr(problems)


def test_xml_is_read_with_whatever_the_client_leaves_in_it() -> None:
    head = b'<?xml version="1.0"?>\n\n<resultset statement="select &lt;">\n'
    row = b'  <row>\n\t<field name="a">%s</field>\n\t<field name="b" xsi:nil="true" />\n  </row>\n'

    assert read_xml(b"") == ()
    assert read_xml(head + b"</resultset>\n") == ()
    assert read_xml(head + row % b"\x01\r\n&lt;row&gt;&amp;amp;&quot;\xff" + b"\n" + row % b"" + b"</resultset>\n") == (
        ('\x01\r\n<row>&amp;"\ufffd', None),
        ("", None),
    )
    assert read_xml(head + head) is None
