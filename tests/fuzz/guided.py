"""Runs in the environment of atheris: one target, guided by the code that an input reaches.

Arguments: the target, then libFuzzer's own. An input that ends in an error which is not ours is left in a file, and
the exit code is not 0.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["contender"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], TARGETS[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
