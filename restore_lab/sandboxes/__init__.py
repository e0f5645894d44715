"""Ways to get a disposable machine: one module a kind, all of them in this one dict, preferred first."""

from restore_lab.sandboxes.base import Sandbox
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local

SANDBOXES: dict[str, type[Sandbox]] = {"container": Container, "local": Local}
