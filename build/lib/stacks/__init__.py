"""The CDK stacks: data, training, workflow, serving, monitoring, batch.

Of `contender` they import the pipeline file and the recipe, which tells whether a deployment changes the training.
"""
