"""Ways to get a disposable machine: one module a kind, all of them in this one dict, preferred first."""

from restore_lab.sandboxes.base import Handle, Machine, Sandbox
from restore_lab.sandboxes.container.driver import Container
from restore_lab.sandboxes.local.driver import Local
from restore_lab.sandboxes.raspberry_pi.driver import RaspberryPi

SANDBOXES: dict[str, type[Sandbox]] = {"container": Container, "local": Local, "raspberry-pi": RaspberryPi}
#: Those that need no settings, for whoever leaves the choice to us; preferred first.
AUTOMATIC: tuple[type[Container | Local], ...] = (Container, Local)


def attach(handle: Handle) -> Machine:
    """Find a live machine again, of whatever kind it is; see `Sandbox.attach`."""
    drivers = {"container": Container.attach, "local": Local.attach, "raspberry-pi": RaspberryPi.attach}
    return drivers[handle.kind](handle)
