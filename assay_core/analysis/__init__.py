"""What commands, the SDK and plugins ask of traces and policies."""
