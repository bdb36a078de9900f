"""The kinds of alarms, by what they watch."""
