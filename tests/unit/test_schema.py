"""The JSON Schemas under docs/ are those of the code. Write them again with `python tests/unit/test_schema.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore_lab.checks import CHECKS
from restore_lab.engines import ENGINES
from restore_lab.lab import LabFile
from restore_lab.sandboxes import SANDBOXES
from restore_lab.scenario import ScenarioFile
from restore_lab.settings import json_schema
from restore_lab.sources import SOURCES

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = {"lab.schema.json": LabFile, "scenario.schema.json": ScenarioFile}


def written(shape: type) -> str:
    return json.dumps(json_schema(shape), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_committed_schema_is_that_of_the_code(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == written(SCHEMAS[name]), "python tests/unit/test_schema.py"


def test_every_driver_is_in_the_schema() -> None:
    kinds = {
        str(shape["properties"]["kind"]["const"])
        for name in SCHEMAS.values()
        for shape in json_schema(name)["$defs"].values()
        if "kind" in shape.get("properties", {})
    }

    assert kinds == {"auto", *CHECKS, *ENGINES, *SANDBOXES, *SOURCES}


@pytest.mark.parametrize("shape", SCHEMAS.values())
def test_an_unknown_key_is_refused_by_the_schema_too(shape: type) -> None:
    schema = json_schema(shape)

    assert schema["additionalProperties"] is False
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values() if part["type"] == "object")


if __name__ == "__main__":
    for file_name, file_shape in SCHEMAS.items():
        (DOCS / file_name).write_text(written(file_shape), "utf-8")
