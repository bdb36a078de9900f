"""One folder a function, named like its state; a handler builds clients and calls its step. No decisions here."""
