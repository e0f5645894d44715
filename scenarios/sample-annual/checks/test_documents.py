"""Letters and photographs come back whole; the machine that holds them reaches no network."""

import pytest


@pytest.mark.parametrize("mime_type", ["application/pdf", "image/jpeg"])
def test_des_documents_de_chaque_type_sont_revenus(database, mime_type):
    question = f"SELECT count(*) FROM document WHERE type_mime = '{mime_type}'"
    assert int(database.query(question)[0][0]) > 0


def test_les_documents_ont_leur_taille_initiale(database):
    rows = database.query("SELECT count(*) FROM document WHERE length(contenu) <> taille_octets")
    assert int(rows[0][0]) == 0


def test_la_machine_est_sans_reseau(host):
    assert host.run("sed -n 's/^ *\\([^ :]*\\):.*/\\1/p' /proc/net/dev").stdout.split() == ["lo"]


def test_aucun_administrateur_sur_la_machine(host):
    assert host.check_output("id -u") != "0"
