"""Evidence over time: bets against "nothing changed", and the budget of false retrains."""
