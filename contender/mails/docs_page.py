"""Writes docs/mails.md: `python -m contender.mails.docs_page > docs/mails.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from contender.mails.examples import examples

HEAD = """# Mails

One example of each mail, as Contender writes it (`python -m contender.mails.docs_page`). A **page** wakes somebody, a
**ticket** waits for working hours, an **info** needs nobody. Each severity has a topic of its own, and addresses in
`[notify]` of the pipeline file.

- One incident is one mail, and one more when it is over. A rollback that an alarm started is in the alarm's mail. A
  failed run is told by the alarm `loop-stuck`, with the run's reason.
- A subject has at most 99 characters: severity, environment, pipeline, and what happened with its number. A model
  version is called by its time there.
- A body has at most 15 lines: what happened and since when, evidence, what was done automatically, what to do, where
  to look.
- Runs that changed nothing are in the weekly digest. After a week without a run there is none.
- A mail about an alarm that SNS refuses is tried again for some minutes; then Lambda's own message goes to the page
  topic. A mail about a run or a batch prediction that could not be sent rings the alarm
  `unsent-mails`.

The line *Runbook* is a link where `documentation_url` of the [environment](environments.md) says where this site is
published; elsewhere it names the page's file.

Mails of the local cloud: `contender mail`. Whether mails arrive: `contender mail test --env prod --pipeline flights`.
Decision: [0059](decisions/0059-one-mail-for-an-incident.md).
"""


def page() -> str:
    """The page, as Markdown."""
    return "\n".join((HEAD, *_examples()))


def _examples() -> Iterator[str]:
    for example in examples():
        yield f"## When {example.when}\n"
        yield f"```text\nSubject: {example.mail.subject}\n\n{example.mail.body}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(page())
