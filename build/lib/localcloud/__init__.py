"""The local cloud: emulator, deployer, the agent that runs tasks, and the watcher that evaluates alarms.

What lives here stands in for AWS and is never shipped to it. It decides nothing about models, and nothing but
`contender/cli` imports it.
"""
