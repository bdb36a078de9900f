"""Around a training: data window, settings, fingerprint, reuse, cost."""
