"""What a rule matches: names, regular expressions, argument schemas, resource targets."""
