"""The CDK stacks: data, training, workflow, serving, monitoring. Nothing here may import more than `contender.config`."""
