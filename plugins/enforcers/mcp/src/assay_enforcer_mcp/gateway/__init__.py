"""What passes between a client and a server, and what does not. Values in, bytes out; no file, no process."""
