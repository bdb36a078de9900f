"""MLflow, TensorBoard and the plots they show."""
