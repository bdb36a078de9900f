"""How a challenger that won comes to serve: approval, rehearsal, canary, rollback."""
