"""Evaluates CloudWatch's alarms offline: metric math, missing data, composite alarms and their suppressors."""
