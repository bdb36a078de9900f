"""The CDK app: `cdk deploy -c env=dev 'contender-dev/*'`; see `stacks.app`."""

from __future__ import annotations

from pathlib import Path

from stacks.app import run

if __name__ == "__main__":
    run(Path(__file__).resolve().parent)
