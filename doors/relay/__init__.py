"""A submission listener that logs in for its clients, at the mail server of an asset or of MAIL destinations."""
