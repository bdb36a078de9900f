"""Pages of `contender console`, as HTML from gathered data: executions, runs, champions, drift, live metrics, mails."""
