"""What MkDocs is told beside mkdocs.yml; it imports this in an environment of its own, so nothing of the project's.

Pages link to source files outside of docs/ as GitHub shows them. On the site such a link leads to the repository where
`SOURCE_URL` names one (`https://…/blob/main`), and is plain text with the file's path where not. Either way the
file must exist.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

from mkdocs.plugins import get_plugin_logger  # type: ignore[import-not-found]

log = get_plugin_logger("documentation")
OUTSIDE = re.compile(r"(?<!!)\[(?P<text>[^\]\n]+)\]\((?P<path>(?:\.\./)+[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
CALLS_FOR_MERMAID = '<pre class="mermaid">'
MERMAID = "mermaid.min.js"


def on_config(config: Any) -> Any:
    """Each `folder/*` of the navigation becomes the pages of that folder that are not named beside it."""
    config.nav = [_expanded(entry, Path(config.docs_dir)) for entry in config.nav]
    return config


def _expanded(entry: Any, docs: Path) -> Any:
    if isinstance(entry, dict):
        return {title: _expanded(inner, docs) for title, inner in entry.items()}
    if not isinstance(entry, list):
        return entry
    named = {each for each in entry if isinstance(each, str)}
    found: list[Any] = []
    for each in entry:
        if isinstance(each, str) and each.endswith("/*"):
            pages = (page.relative_to(docs).as_posix() for page in sorted(docs.glob(f"{each}.md")))
            found += [page for page in pages if page not in named]
        else:
            found.append(_expanded(each, docs))
    return found


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Links that leave docs/ lead to the repository."""
    docs = Path(config.docs_dir)
    folder = posixpath.dirname(page.file.src_uri)

    def link(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, found["path"]))
        if not path.startswith("../"):
            return found[0]  # a page of the site: MkDocs checks it
        file = path.removeprefix("../")
        if not (docs.parent / file).exists():
            log.warning("%s links to %s, which does not exist", page.file.src_uri, file)
        source = os.environ.get("SOURCE_URL", "").rstrip("/")
        text = found["text"]
        if source:
            return f"[{text}]({source}/{file}{found['anchor'] or ''})"
        return text if file in text else f"{text} (`{file}`)"

    return OUTSIDE.sub(link, markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Pages with diagrams, and they alone, load the site's own copy of Mermaid; Material would ask a CDN for it."""
    if CALLS_FOR_MERMAID not in output:
        return output
    to_root = "../" * page.file.dest_uri.count("/")
    return output.replace("</head>", f'<script src="{to_root}{MERMAID}"></script></head>', 1)


def on_post_build(config: Any) -> None:
    """Copies Mermaid, which `python -m documentation` has fetched, beside the pages."""
    shutil.copyfile(os.environ["MERMAID"], Path(config.site_dir) / MERMAID)
