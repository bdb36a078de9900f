"""What a version was made from: run, code, image, fingerprint, datasets, packages, files."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from contender.reports import html as pages
from contender.reports.card.words import Content, code


def lineage(manifest: Content) -> str:
    """The section."""
    source, machine = manifest.get("code") or {}, manifest.get("machine") or ""
    parts = machine.values() if isinstance(machine, Mapping) else [machine]
    fields = pages.fields(
        {
            "Run": code(manifest.get("run_id")),
            "Code": code(source.get("sha")),
            "Image": code(source.get("image")),
            "Fingerprint": code(manifest.get("fingerprint")),
            "Machine": escape(", ".join(str(part) for part in parts)),
        }
    )
    datasets = [[code(each)] for each in manifest.get("datasets", ())]
    packages = [[escape(name), escape(str(each))] for name, each in (manifest.get("packages") or {}).items()]
    files = [
        [escape(name), f"{each['bytes']:,}", code(each["sha256"])]
        for name, each in (manifest.get("files") or {}).items()
    ]
    return pages.section(
        "Lineage",
        "The fingerprint identifies code, settings and data: the same fingerprint gives the same model.",
        fields
        + pages.details(
            f"{pages.count(len(datasets), 'dataset version')}, oldest first", pages.table(["version"], datasets)
        )
        + pages.details("Packages", pages.table(["package", "version"], packages))
        + pages.details("Files", pages.table(["file", "bytes", "SHA-256"], files)),
    )
