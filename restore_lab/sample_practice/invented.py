"""The words of the invented practice. Every one that could pass for somebody's carries the stem."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

STEM: Final = "vorzibuk"
"""In every invented word, always in lower case: no language has it."""

NUMBER_STEM: Final = "739184"
"""In every invented number-like identifier."""

DATABASE: Final = "cabinet"
"""The database the grants of `roles_sql` speak of."""

_T = TypeVar("_T")

SURNAMES: Final = tuple(
    before + STEM + after
    for before in ("Du", "Ma", "É", "L'", "D’", "Saint-", "Le ", "Bœ", "Fran", "O'")
    for after in ("", "in", "eau", "él", "-Noël", "ard", "ç", "ïs")
)
FIRST_NAMES: Final = tuple(
    f"{name}-{STEM}" for name in ("Zoé", "Anaïs", "Jean", "Loïc", "Maëlle", "Gaëtan", "Inès", "Théo", "Chloé", "Hélène")
)
STREETS: Final = tuple(
    f"{kind} {STEM}{end}"
    for kind in ("rue de l'", "impasse du Vieux-", "allée d'", "place Sainte-", "chemin des Très-")
    for end in ("", "ière", "oché")
)
TOWNS: Final = tuple(f"{start}{STEM}{end}" for start in ("Saint-", "L'Haÿ-") for end in ("", "-lès-Bains", "-sur-Eau"))
REASONS: Final = tuple(
    f"{reason} ({STEM})"
    for reason in (
        "Renouvellement d'ordonnance",
        "Fièvre depuis 3 jours",
        "Lombalgie",
        "Certificat d'aptitude au sport 🏃",
        "Vaccination",
        "Suivi du diabète",
        "Toux, gêne à l'effort",
        "Contrôle tensionnel",
        "Éruption cutanée",
        "Résultats d'analyses",
    )
)
_OPENINGS: Final = tuple(
    f"{sentence} {STEM}{end}. "
    for sentence in (
        "Vu ce jour pour le suivi d'une",
        "Consulte avec l'aînée pour une",
        "Revient après l'épisode de",
        "S'inquiète d'une récidive de",
        "Adressé·e par la pharmacie pour",
    )
    for end in ("ose", "ite aiguë", "algie")
)
_FINDINGS: Final = (
    "Examen clinique sans particularité, auscultation claire. ",
    "Abdomen souple, pas de défense ; transit « régulier ». ",
    "Douleur à la palpation de l'épaule gauche, cotée 4/10\tau repos. ",
    "T° 38,2 °C, tympans congestifs, pas d'adénopathie. ",
    "État général conservé 🙂, appétit moyen. ",
    "Dit \"dormir mal\" depuis l'été ; pas d'idée noire. ",
    "Œdème discret des chevilles, mollets souples. ",
    "Poids stable, IMC < 27, périmètre abdominal ≥ 90 cm. ",
)
_ENDINGS: Final = (
    "Poursuite du traitement.\nÀ revoir dans 3 mois.",
    "Bilan demandé 🩺 ; rappel si d'ici là ça n'allait pas mieux.",
    "Conseils d'hygiène de vie donnés.\nArrêt de travail : non.",
    "Courrier au spécialiste (dossier C:\\courriers).",
    "Pas d'antibiotique aujourd'hui. Réévaluation à 48 h.",
    "Vaccin à jour 💉, prochain rappel noté.",
)
MEDICINES: Final = tuple(
    f"{start}{STEM}{end}"
    for start in ("Para", "Amoxi", "Metfor", "Lévo")
    for end in ("ol 1 g", "ine 500 mg", "ate 5 mg, comprimé sécable", "one 0,5 %")
)
DOSAGES: Final = tuple(
    f"{dosage} (notice {STEM})"
    for dosage in (
        "1 comprimé matin et soir pendant le repas",
        "1 le matin à jeun",
        "2 gélules en cas de douleur, sans dépasser 6/j",
        "1 application par jour jusqu'à guérison",
        "½ comprimé au coucher",
    )
)
REMARKS: Final = tuple(
    f"{remark} {STEM}"
    for remark in ("À contrôler :", "Prélèvement hémolysé, labo", "Comparer à l'antériorité", "Vérifié par téléphone :")
)
CORRESPONDENTS: Final = tuple(f"Dr {name}, service {STEM}" for name in SURNAMES[::9])


def pick(rng: random.Random, pool: Sequence[_T]) -> _T:
    """One of `pool`, by one draw of `rng`."""
    return pool[int(rng.random() * len(pool))]


def observation(rng: random.Random) -> str:
    """A doctor's note of three to five sentences, 120 to 330 characters, with what breaks careless escaping."""
    start, count = int(rng.random() * len(_FINDINGS)), 1 + int(rng.random() * 3)
    findings = [_FINDINGS[(start + step) % len(_FINDINGS)] for step in range(count)]
    return pick(rng, _OPENINGS) + "".join(findings) + pick(rng, _ENDINGS)
