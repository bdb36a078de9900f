"""The server of `contender console`: gathers from the environment what pages show, and answers a browser."""
