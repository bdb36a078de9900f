"""Keeps what the emulator holds on disk as it changes, so that a killed one goes on where it was.

`journal` is the file, `entries` cuts what services hold into its rows, `touched` says what may have changed, `keeper`
writes that, `restored` puts it back, `install` hangs all of it into MiniStack (decision 0064).
"""
