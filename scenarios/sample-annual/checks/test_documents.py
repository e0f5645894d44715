"""Letters and photographs come back whole; the machine that holds them reaches no network."""

import pytest


@pytest.mark.parametrize("mime_type", ["application/pdf", "image/jpeg"])
def test_documents_of_every_kind_came_back(database, mime_type):
    question = f"SELECT count(*) FROM document WHERE type_mime = '{mime_type}'"
    assert int(database.query(question)[0][0]) > 0


def test_documents_have_the_size_they_were_stored_with(database):
    rows = database.query("SELECT count(*) FROM document WHERE length(contenu) <> taille_octets")
    assert int(rows[0][0]) == 0


def test_the_machine_has_no_network(host):
    assert host.run("sed -n 's/^ *\\([^ :]*\\):.*/\\1/p' /proc/net/dev").stdout.split() == ["lo"]


def test_nobody_on_the_machine_is_root(host):
    assert host.check_output("id -u") != "0"
