"""The CDK stacks: data, training, workflow, serving, monitoring. Of `contender` they import the pipeline file and what says
whether a deployment changes the training."""
