"""The few AWS calls of serving, without boto3."""
