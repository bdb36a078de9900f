"""The CDK stacks: data, training, workflow, serving, monitoring. Of `contender` they import only `config`."""
