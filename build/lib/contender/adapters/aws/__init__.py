"""S3, DynamoDB and KMS with boto3."""
