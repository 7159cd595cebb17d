"""What executor says in Discord about the request board: messages, lists, posts, and cleaning up after itself."""
