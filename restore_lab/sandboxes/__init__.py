"""Ways to get a disposable machine: one module a kind, all of them in this one dict, preferred first."""

from restore_lab.sandboxes.base import Sandbox
from restore_lab.sandboxes.local import Local

SANDBOXES: dict[str, type[Sandbox]] = {"local": Local}
