"""`contender console`: executions, runs, champions and mails in a browser."""

from __future__ import annotations

from typing import Annotated

import typer

from contender.cli.console import console as terminal
from contender.cli.options import DEFAULT_ENVIRONMENT, EnvironmentOption


def console(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; without it a free one.")] = 0,
    environment: EnvironmentOption = DEFAULT_ENVIRONMENT,
) -> None:
    """Show executions, runs, champions, drift, live metrics and mails as pages for a browser on this machine.

    The pages change nothing, and only this machine can open them. Ctrl-C ends the command.

    Example: contender console --port 8080
    """
    # The server's libraries take a third of a second to load, which no other command needs.
    from contender.cli.console_server.app import Server  # noqa: PLC0415
    from contender.cli.console_server.gather import Gatherer  # noqa: PLC0415
    from contender.cli.console_server.serve import listen, serve  # noqa: PLC0415

    def announce(address: str) -> None:
        terminal.print(f"{address}  shows {environment}; Ctrl-C ends it", markup=False)

    serve(Server(Gatherer(environment)).app(), listen(port), announce=announce)


def add_to(app: typer.Typer) -> None:
    """Add `contender console` to the app."""
    app.command()(console)
