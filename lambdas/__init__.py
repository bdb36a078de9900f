"""One folder a function, named as its state is; a handler reads, asks the core, and answers. No decisions here."""
