"""Files the operator writes, parsed once at the edge into frozen types; every fault at once, with file and line."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, ErrorDetails, core_schema

from restore_lab.errors import ConfigurationError

T = TypeVar("T")

_PACKAGE = Path(__file__).parent


def shipped(name: str) -> Path:
    """Folder `name` (`scenarios`, `images`) as installed, or of the checkout when run from one."""
    installed = _PACKAGE / "shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def _from_root(path: Path, info: ValidationInfo) -> Path:
    root = (info.context or {}).get("root", Path())
    return Path(root) / path.expanduser()


#: A path in a lab file: relative ones start at the lab's own folder.
LabPath = Annotated[Path, AfterValidator(_from_root)]


def _node_folder(name: str, info: ValidationInfo) -> Path:
    if not re.fullmatch(NODE_NAME, name):
        raise ValueError("the name of a node: letters, digits, - and _")
    root = (info.context or {}).get("root", Path())
    return Path(root).parent.parent / "nodes" / name


#: How nodes may be called, and the file in the folder of each.
NODE_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
NODE_FILE = "node.toml"
#: A node that a scenario names: its folder in the lab, `nodes/NAME` beside `scenarios/`.
NodeFolder = Annotated[
    Path, BeforeValidator(_node_folder), WithJsonSchema({"type": "string", "pattern": f"^{NODE_NAME}$"})
]

#: Settings dataclasses refuse what they do not know.
STRICT = {"extra": "forbid"}


@dataclass(frozen=True, slots=True)
class OneOf:
    """Annotation: one driver of a family, told by its `kind`; the registry is the only list there is."""

    registry: Mapping[str, type]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Build the tagged union of the registry's dataclasses (pydantic's own hook)."""
        choices = {name: handler.generate_schema(driver) for name, driver in self.registry.items()}
        return core_schema.tagged_union_schema(choices, discriminator="kind")

    def __hash__(self) -> int:
        """Hash by identity of the registry, which pydantic caches schemas by."""
        return id(self.registry)


def from_environment(names: Iterable[str]) -> dict[str, str]:
    """Give those variables of our own environment that are set, for a client that finds its files by them."""
    return {name: os.environ[name] for name in names if name in os.environ}


def read_toml(path: Path, shape: type[T], *, root: Path) -> T:
    """Parse a file into `shape`; relative paths in it start at `root`.

    Raises:
        ConfigurationError: every fault, one a line: file, line, key path, value, what was allowed.
    """
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", hint="`restore-lab init DIR` writes a lab") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: not valid TOML: {error}") from error
    try:
        return TypeAdapter(shape).validate_python(data, context={"root": root})
    except ValidationError as error:
        faults = (f"{path}{_described(text, fault)}" for fault in error.errors(include_url=False))
        raise ConfigurationError("\n".join(faults), hint="`restore-lab doctor` checks the lab's files") from error


def json_schema(shape: type) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a file of that shape."""
    return TypeAdapter(shape).json_schema()


def _described(text: str, fault: ErrorDetails) -> str:
    data: object = tomllib.loads(text)
    keys: list[str | int] = []
    for part in fault["loc"]:
        inside = part in data if isinstance(data, dict) else isinstance(part, int) and isinstance(data, list)
        if inside:
            data = data[part]  # type: ignore[index]
            keys.append(part)
        elif fault["type"] == "missing" and part == fault["loc"][-1]:
            keys.append(part)
    hidden = fault["type"] in {"missing", "dataclass_type"}  # where a table belongs, a text may be a secret
    value = "" if hidden or isinstance(data, dict | list) else f" = {data!r}"
    return f":{line_of(text, keys)}: {_dotted(keys)}{value}: {_sentence(fault)}"


def _sentence(fault: ErrorDetails) -> str:
    match fault["type"]:
        case "unexpected_keyword_argument" | "extra_forbidden":
            return "unknown key"
        case "missing" | "missing_argument" | "missing_keyword_only_argument":
            return "required, but absent"
        case _:
            return fault["msg"][:1].lower() + fault["msg"][1:]


def _dotted(keys: list[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".") or "(file)"


def line_of(text: str, keys: list[str | int]) -> int:
    """Line (from 1) where the deepest part of a key path that the text names stands."""
    best, depth, header, counts = 1, -1, [], dict[str, int]()
    for number, line in enumerate(text.splitlines(), start=1):
        if table := re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line):
            name = table.group(2)
            if table.group(1) == "[[":
                counts[name] = counts.get(name, -1) + 1
                for other in [known for known in counts if known.startswith(f"{name}.")]:
                    del counts[other]
            header = _with_positions(name, counts)
            here = header
        elif key := re.match(r"\s*([A-Za-z0-9_-]+(?:\s*\.\s*[A-Za-z0-9_-]+)*)\s*=", line):
            here = [*header, *re.split(r"\s*\.\s*", key.group(1))]
        else:
            continue
        if keys[: len(here)] == here and len(here) > depth:
            best, depth = number, len(here)
    return best


def _with_positions(name: str, counts: dict[str, int]) -> list[str | int]:
    path: list[str | int] = []
    parts = name.split(".")
    for end, part in enumerate(parts, start=1):
        path.append(part)
        if (position := counts.get(".".join(parts[:end]))) is not None:
            path.append(position)
    return path
