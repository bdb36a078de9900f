"""The command line: reads arguments, asks the core through the adapters, shows what came. No decisions here."""
