"""What the searches for leaks share: a small lab in whose backup the stems are, and a mail server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile.everywhere import sample_lab
from mail_server import MailServer


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once for each file; copy it, do not change it."""
    return sample_lab(tmp_path_factory.mktemp("everywhere") / "lab")


@pytest.fixture
def lab(sample: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample, tmp_path / "lab", copy_function=shutil.copy2))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer(security="none", login=False).running() as up:
        yield up
