"""The alarms of a pipeline. What each means is in `contender.alarms.table`; here is how CloudWatch measures it."""
