"""The dashboard as a page: its body as CloudWatch stores it, drawn widget for widget."""
