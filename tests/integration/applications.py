"""The application that tests put on top of a database, what its page must show, and what Docker itself says of it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import Final

import survey
from needs import absent

from restore_lab.sandboxes.base import Server
from restore_lab.sandboxes.container.driver import Container

IMAGE: Final = "restore-lab/survey:1"
SERVER: Final = Server(engine="application", series="", own_series=True, image=IMAGE, folders=(), programs=())
ANSWERS_PAGE: Final = f"""
[[restore.check]]
kind = "http"
title = "réponses envoyées"
path = "/surveys/{survey.NUMBER}"
number = "id='complete'>([0-9]+)<"
equals = {survey.COMPLETE}

[[restore.check]]
kind = "http"
title = "titre"
path = "/"
contains = "Satisfaction des patients &lt;été&gt;"
"""


def docker(*words: str) -> str:
    done = subprocess.run(("docker", *words), capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def need_images() -> None:
    for tag in (IMAGE, *(f"restore-lab/{engine}:{series}" for engine, series in survey.SERIES.items())):
        if lacking := Container().lacks(replace(SERVER, image=tag)):
            absent(lacking)
