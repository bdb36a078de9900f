"""What can ring: the kinds of alarms, their severities, and what to do about each."""
