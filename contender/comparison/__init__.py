"""Champion against challenger: the verdict, its guards, and its error budget."""
