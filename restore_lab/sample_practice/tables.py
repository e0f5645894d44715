"""Every table of the practice, in an order in which each row finds the rows it refers to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from restore_lab.sample_practice import care, documents, people
from restore_lab.sample_practice.practice import DEFAULT_PATIENTS, Practice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from restore_lab.sample_practice.rows import Row


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table: its stored columns (generated ones left out) and its rows, made as they are read."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Practice], Iterator[Row]]


def _table(name: str, columns: str, rows: Callable[[Practice], Iterator[Row]]) -> Table:
    return Table(name=name, columns=tuple(columns.split()), rows=rows)


TABLES: Final = (
    _table("parametre", "cle valeur modifie_le", people.settings),
    _table("utilisateur", "id identifiant nom prenom fonction rpps courriel actif cree_le", people.users),
    _table(
        "patient",
        "id numero_dossier nom prenom naissance sexe nir telephone courriel adresse commune medecin_traitant_id"
        " ald note cree_le",
        people.patients,
    ),
    _table("rendez_vous", "id patient_id utilisateur_id debut duree_minutes statut motif", care.appointments),
    _table(
        "consultation",
        "id patient_id utilisateur_id rendez_vous_id commencee_le motif observation poids_kg systolique diastolique"
        " tarif_euros tiers_payant",
        care.consultations,
    ),
    _table("biologie", "id consultation_id preleve_le examen valeur unite hors_norme commentaire", care.results),
    _table("ordonnance", "id consultation_id numero signee_le renouvelable remarque", care.prescriptions),
    _table("ligne_ordonnance", "ordonnance_id rang medicament posologie duree_jours quantite", care.prescription_lines),
    _table(
        "document",
        "id patient_id nom_fichier type_mime taille_octets empreinte_sha256 confidentiel ajoute_le contenu",
        documents.documents,
    ),
    _table("courrier", "id document_id correspondant objet statut envoye_le", documents.letters),
    _table("historique", "id nom_table ligne_id action fait_le detail", care.changes),
)


def expected_counts(seed: int, day: date, patients: int = DEFAULT_PATIENTS) -> dict[str, int]:
    """How many rows each table has, by making and counting them.

    Raises:
        UsageError: there is not one patient.
    """
    practice = Practice(seed=seed, day=day, patients=patients)
    return {table.name: sum(1 for _ in table.rows(practice)) for table in TABLES}
