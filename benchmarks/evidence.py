"""docs/evidence.md: a section for each part, with the command, the day, the versions and the machine it came from."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from benchmarks.environments import CONTESTANTS, SERVERS
from benchmarks.parts import Part

EVIDENCE = Path(__file__).parent.parent / "docs" / "evidence.md"
HEAD = """# Evidence

Measurements of Contender's decisions, compared with other tools on the same data in the same run.
`python -m benchmarks --full --write` writes this page; [benchmarks/README.md](../benchmarks/README.md) says what each
part measures and how to read it. A figure is a bound that must hold: `make bench` fails if one is missed.
"""


def machine() -> str:
    """Cores, processor, memory and Python of the machine that measured."""
    return f"{os.cpu_count()} cores ({_processor()}), {_memory()} of memory, Python {platform.python_version()}"


def write_section(path: Path, name: str, part: Part, *, order: Sequence[str]) -> None:
    """Put a part's section in the place of the one that the file had of it; the other sections stay."""
    sections = _sections(path.read_text()) if path.exists() else {}
    sections[name] = section(part)
    known = [other for other in order if other in sections]
    path.write_text("\n".join([HEAD, *(f"<!-- {other} -->\n{sections[other]}" for other in known)]))


def section(part: Part) -> str:
    """A part as Markdown: what it measured, its figures, and what it was measured with."""
    figures = "\n".join(f"- {figure.sentence}" for figure in part.figures)
    peers = [
        f"{peer.name} {peer.version}" for peer in (*CONTESTANTS, *SERVERS) if peer.version and peer.name in part.text
    ]
    versions = ", ".join(
        [*(f"{name} {version(name)}" for name in ("numpy", "scipy", "pandas", "scikit-learn")), *peers]
    )
    measured = f"*Measured with `{part.command}` on {date.today():%-d %B %Y}: {machine()}; {versions}.*"
    paragraphs = (f"## {part.title}", part.text.strip(), figures, measured)
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _sections(text: str) -> dict[str, str]:
    """The file's sections by name."""
    pieces = re.split(r"^<!-- (\w+) -->\n", text, flags=re.MULTILINE)[1:]
    return {name: content.rstrip("\n") + "\n" for name, content in zip(pieces[::2], pieces[1::2], strict=True)}


def _processor() -> str:
    try:
        names = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), flags=re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _memory() -> str:
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB"
    except (ValueError, OSError):
        return "unknown size"
