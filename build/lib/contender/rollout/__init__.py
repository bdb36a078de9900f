"""From a won comparison to serving: rehearsal, approval, canary, rollback."""
