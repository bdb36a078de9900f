"""The CDK stacks: data, training, workflow, serving, monitoring. Of `contender`, only `config` is imported."""
