"""The part of the platform's package that apps see, as strict as its behaviour is published, and no kinder."""
