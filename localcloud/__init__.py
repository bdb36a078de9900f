"""The whole of Contender on one machine: the emulator, what deploys to it, and the agent that runs its tasks.

What lives here stands in for AWS and is never shipped to it. It decides nothing about models, and nothing but
`contender/cli` imports it.
"""
