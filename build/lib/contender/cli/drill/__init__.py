"""`contender drill`: incidents played on a local cloud of their own, and whether on-call would have heard of them."""
