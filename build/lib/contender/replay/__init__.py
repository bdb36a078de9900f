"""Backtest: the loop simulated over historical data."""
