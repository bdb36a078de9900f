"""What can stop a challenger that is better on average."""
