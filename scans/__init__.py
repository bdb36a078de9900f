"""Scans for secrets, unsafe templates and packages with known vulnerabilities; software bills of materials.

Never deployed. Each tool runs in a side environment of its own, pinned in `tools/`. What a tool finds and we accept
stands in `exceptions.toml`, each with its reason; an exception that covers nothing any more fails the scan too.
"""
