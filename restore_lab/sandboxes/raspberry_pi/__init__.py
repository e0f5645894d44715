"""A test node: a Raspberry Pi, or any small Debian machine, over SSH."""
