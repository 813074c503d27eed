"""Two kinds of pages: a list of news, and a piece of news."""
