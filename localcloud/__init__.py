"""The local cloud: emulator, deployer, and the agent that runs tasks.

What lives here stands in for AWS and is never shipped to it. It decides nothing about models, and nothing but
`contender/cli` imports it.
"""
