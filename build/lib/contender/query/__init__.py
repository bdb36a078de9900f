"""SQL over the prediction log, labels, runs and batch predictions: each table and saved query, defined once."""
