"""How a guard can end.

`passed` and `not judged` let a win stand, `failed` turns it into a loss. `undecided` turns it into "inconclusive" where
the policy asks for proof, and lets it stand elsewhere, unless it is that of the best champion. A guard can stop a win
and never makes one. Its claim is one-sided and wrong with probability `guard_level` of the policy at most. A win has to
pass all guards, so none needs a correction for the others (Berger 1982, see `slices_no_worse`).
"""

from __future__ import annotations

from typing import Literal

Status = Literal["passed", "failed", "undecided", "not judged"]
