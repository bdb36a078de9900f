"""An upload of any size is read twice: first to know what each row is, then to write those that enter."""
