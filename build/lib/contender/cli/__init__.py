"""The command line: parses arguments, calls the core, prints the result. No decisions here."""
