"""What MkDocs is told beside mkdocs.yml; it imports this in an environment of its own, so nothing of the project's.

Pages link to source files outside of docs/ as GitHub shows them. On the site such a link leads to the repository where
`SOURCE_URL` names one (`https://…/blob/main`), and is plain text with the file's path where not. Either way the
file must exist.

Pages show a picture by light and by dark as GitHub knows it: `<picture>`, which follows the system. On the site it
follows the reader's choice.
"""

from __future__ import annotations

import html
import itertools
import os
import posixpath
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

from mkdocs.plugins import get_plugin_logger  # type: ignore[import-not-found]

log = get_plugin_logger("documentation")
OUTSIDE = re.compile(r"(?<!!)\[(?P<text>[^\]\n]+)\]\((?P<path>(?:\.\./)+[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")
BY_SCHEME = re.compile(
    r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="(?P<dark>[^"]+)">\s*'
    r'<img alt="(?P<said>[^"]+)" src="(?P<light>[^"]+)">\s*</picture>'
)
TESTED = tomllib.loads(Path(__file__).with_name("commands.toml").read_text(encoding="utf-8"))
SENTENCES = {
    "as_printed": "The commands of this page are run by a test as they are printed: `{}`.",
    "with_other_data": "The commands of this page are run by a test, with other data: `{}`.",
    "not_run": "The commands of this page are not run by a test: {}.",
}
BOOST = {
    "rollout.md": 3,
    "environments.md": 3,
    "how-it-decides.md": 2,
    "pipeline-file.md": 1.5,
    "glossary.md": 0.5,
    "runbooks": 0.5,
    "reference": 0.4,
    "architecture.md": 0.3,
    "evidence.md": 0.2,
    "mails.md": 0.2,
    "decisions": 0.05,
}
"""Of pages and folders in a search, of all others 1: how before what, and what before why."""
DIAGRAM = re.compile(r'<pre class="mermaid"><code>(.*?)</code></pre>', flags=re.DOTALL)
TABLE = re.compile(r"<table>.*?</table>", flags=re.DOTALL)
TITLE = re.compile(r"<th[^>]*>(.*?)</th>", flags=re.DOTALL)
CELL = re.compile(r"<td[^>]*>(.*?)</td>", flags=re.DOTALL)
CODE = re.compile(r"<code[^>]*>.*?</code>", flags=re.DOTALL)
TAG = re.compile(r"<[^>]+>")
SENTENCE = 48
"""Characters of a cell that is more than a name or a figure."""
COMMANDS = re.compile(r'<div class="language-(?:text|sh|console) .*?</div>', flags=re.DOTALL)
OPTION = re.compile(r"(?<=[ >])--?[a-z][\w-]*")
LONG_CODE = re.compile(r"<code>(?=[^<]{40})")
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
    """See the rules below; a search finds pages that say how before those that say why."""
    folder = posixpath.dirname(page.file.src_uri)
    page.meta.setdefault("search", {"boost": BOOST.get(folder or page.file.src_uri, 1)})
    return _linked(markdown, page, config, folder) + _tested(page.file.src_uri, folder)


def _tested(page: str, folder: str) -> str:
    """What runs the commands that a page shows, as `commands.toml` has it; nothing for a page without any."""
    for how, sentence in SENTENCES.items():
        found = TESTED[how].get(page) or TESTED[how].get(folder)
        if found:
            return f"\n\n{sentence.format(found)}\n{{ .tested }}\n"
    return ""


def _linked(markdown: str, page: Any, config: Any, folder: str) -> str:
    """Pictures follow the reader's choice of light or dark; links that leave docs/ lead to the repository."""
    docs = Path(config.docs_dir)

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

    by_choice = BY_SCHEME.sub(r"![\g<said>](\g<light>#only-light)\n![\g<said>](\g<dark>#only-dark)", markdown)
    return OUTSIDE.sub(link, by_choice)


def on_page_content(content: str, **_: Any) -> str:
    """For a phone: the options of a command stay whole where its line wraps, as a browser breaks after a hyphen; and
    a row of a table with sentences becomes a block, each cell below the title of its column."""
    content = DIAGRAM.sub(_diagram, content)
    whole = COMMANDS.sub(lambda block: OPTION.sub(r'<span class="option">\g<0></span>', block[0]), content)
    return TABLE.sub(lambda table: _stacked(LONG_CODE.sub('<code class="long">', table[0])), whole)


def _diagram(found: re.Match[str]) -> str:
    kind = "diagram" if found[1].startswith("flowchart TB") and "subgraph" not in found[1] else "diagram wide"
    return f'<div class="{kind}">{found[0]}</div>'


def _stacked(table: str) -> str:
    """The table with the title of its column in each cell, if it has three columns or more, and sentences."""
    titles = [html.escape(html.unescape(TAG.sub("", title))) for title in TITLE.findall(table)]
    if len(titles) < 3 or max((len(TAG.sub("", cell)) for cell in CELL.findall(table)), default=0) < SENTENCE:
        return table
    labels = itertools.cycle(titles)
    labelled = re.sub(r"<td", lambda _: f'<td data-label="{next(labels)}"', table)
    last = CELL.findall(table)[len(titles) - 1 :: len(titles)]
    room = "last" if any(len(TAG.sub("", CODE.sub("", cell))) >= SENTENCE for cell in last) else ""
    return labelled.replace("<table>", f'<table data-stacked="{room}">', 1)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Pages with diagrams, and they alone, load the site's own copy of Mermaid; Material would ask a CDN for it."""
    if CALLS_FOR_MERMAID not in output:
        return output
    to_root = "../" * page.file.dest_uri.count("/")
    return output.replace("</head>", f'<script src="{to_root}{MERMAID}"></script></head>', 1)


def on_post_build(config: Any) -> None:
    """Copies Mermaid, which `python -m documentation` has fetched, beside the pages."""
    shutil.copyfile(os.environ["MERMAID"], Path(config.site_dir) / MERMAID)
