"""Ask questions of your own documents and get answers whose every citation was checked."""
