"""The whole of Contender on one machine: the emulator's process, the deployer, and the agent that runs ECS tasks.

What lives here stands in for AWS and is never shipped to it. Nothing here decides anything about models, and nothing in
`contender`, `lambdas`, `stacks` or `training_image` imports it.
"""
