"""The serving function as a web server, for places without Lambda."""
